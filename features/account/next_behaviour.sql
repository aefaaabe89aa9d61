-- What an account did after acts like its latest one, by its own past: a Markov chain with back-off.
with

acts as (
    select
        account_id,
        as_of,
        happened_at,
        kind,
        case
            when direction is distinct from 'in' then null
            when channel = 'web' then 'interest'
            when kind in ('mail_open', 'mail_click') then 'reaction'
            else 'contact'
        end as answer
    from activities
    where happened_at < as_of
),

followed as (
    select
        *,
        first_value(answer ignore nulls) over later as next_answer,
        min(if(answer is not null, happened_at, null)) over later as next_at
    from acts
    window
        later as (
            partition by account_id, as_of
            order by happened_at, kind
            rows between 1 following and unbounded following
        )
),

latest as (
    select
        account_id,
        as_of,
        arg_max(kind, (happened_at, kind)) as kind,
        max(if(answer is not null, happened_at, null)) as their_last,
        min(if(answer is not null, happened_at, null)) as their_first,
        count(answer) as their_acts
    from acts
    group by account_id, as_of
),

-- only acts whose 14 days are over; what follows a younger one may still come
history as (
    select
        followed.account_id,
        followed.as_of,
        followed.kind = latest.kind as is_like,
        if(next_at <= happened_at + interval 14 day, next_answer, 'nothing') as next
    from followed
    inner join latest using (account_id, as_of)
    where followed.happened_at < followed.as_of - interval 14 day
),

counted as (
    select
        account_id,
        as_of,
        count(*) as n,
        count(distinct next) as kinds,
        count(*) filter (where next = 'contact') as contact,
        count(*) filter (where next = 'interest') as interest,
        count(*) filter (where next = 'nothing') as nothing,
        count(*) filter (where is_like) as like_n,
        count(distinct next) filter (where is_like) as like_kinds,
        count(*) filter (where is_like and next = 'contact') as like_contact,
        count(*) filter (where is_like and next = 'interest') as like_interest,
        count(*) filter (where is_like and next = 'nothing') as like_nothing
    from history
    group by account_id, as_of
),

-- Witten and Bell: the shorter context weighs as much as there are kinds that followed; the
-- shortest one says that each of the four answers is as likely
overall as (
    select
        *,
        (contact + kinds * 0.25) / (n + kinds) as any_contact,
        (interest + kinds * 0.25) / (n + kinds) as any_interest,
        (nothing + kinds * 0.25) / (n + kinds) as any_nothing,
        greatest(like_n + like_kinds, 1) as like_total,
        if(like_n > 0, like_kinds, 1) as weight
    from counted
)

select
    latest.account_id,
    latest.as_of,
    100.0 * (like_contact + weight * any_contact) / like_total as next_contact_chance,
    100.0 * (like_interest + weight * any_interest) / like_total as next_interest_chance,
    100.0 * (like_nothing + weight * any_nothing) / like_total as next_nothing_chance,
    case
        when latest.their_acts >= 3
            then
                date_diff('day', cast(latest.their_last as date), latest.as_of)
                / greatest(
                    date_diff('hour', latest.their_first, latest.their_last)
                    / 24.0
                    / (latest.their_acts - 1),
                    1
                )
    end as silence_ratio
from latest
left join overall using (account_id, as_of)
