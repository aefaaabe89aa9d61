-- How well the documents of a municipality fit the solution: plans, policy speeches and minutes.
with

best as (
    select
        municipality_id,
        as_of,
        100.0 * similarity as fit,
        kind
    from policy_fit
    qualify row_number() over (
        partition by municipality_id, as_of
        order by similarity desc, published_on desc, document_id
    ) = 1
),

speeches as (
    select
        municipality_id,
        as_of,
        100.0 * similarity as fit,
        row_number() over (
            partition by municipality_id, as_of
            order by published_on desc, document_id
        ) as place
    from policy_fit
    where kind = 'speech'
),

by_speech as (
    select
        municipality_id,
        as_of,
        max(fit) filter (where place = 1) as fit,
        max(fit) filter (where place = 2) as fit_before
    from speeches
    group by municipality_id, as_of
),

newest as (
    select
        municipality_id,
        as_of,
        max(published_on) as published_on
    from policy_fit
    group by municipality_id, as_of
)

select
    best.municipality_id,
    best.as_of,
    best.fit as document_fit,
    best.kind as document_fit_kind,
    by_speech.fit as speech_fit,
    by_speech.fit_before as speech_fit_before,
    by_speech.fit - by_speech.fit_before as speech_fit_change,
    date_diff('day', newest.published_on, best.as_of) as days_since_document
from best
inner join newest
    on best.municipality_id = newest.municipality_id and best.as_of = newest.as_of
left join by_speech
    on best.municipality_id = by_speech.municipality_id and best.as_of = by_speech.as_of
