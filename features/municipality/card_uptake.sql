-- How widely residents hold My Number cards, and how early and fast beside municipalities alike.
with

-- prefectures and what the list of classes lacks are ranked within their kind
counts as (
    select
        card_uptake.municipality_id,
        card_uptake.as_of,
        card_uptake.counted_on,
        card_uptake.rate,
        median(card_uptake.rate)
            over (partition by card_uptake.as_of, card_uptake.counted_on) as usual,
        coalesce(municipalities.class, municipalities.kind) as alike
    from card_uptake
    inner join municipalities using (municipality_id, as_of)
    where card_uptake.rate is not null
),

-- 100 for the first, 0 for the last; alone there is no rank
ranked as (
    select
        *,
        100.0 * (count(*) over peers - rank() over (peers order by rate desc))
        / nullif(count(*) over peers - 1, 0) as place
    from counts
    window peers as (partition by as_of, counted_on, alike)
),

newest as (
    select
        municipality_id,
        as_of,
        any_value(alike) as alike,
        max(counted_on) as counted_on,
        arg_max(rate, counted_on) as rate,
        arg_max(usual, counted_on) as usual,
        arg_max_null(place, counted_on) as card_rank,
        avg(place) as forerunner
    from ranked
    group by municipality_id, as_of
),

-- counts come at uneven intervals: the one nearest to a year or a quarter before the newest
spans as (
    select * from (values ('year', 365, 120), ('quarter', 90, 70)) as spans (span, days, slack)
),

growths as (
    select
        newest.municipality_id,
        newest.as_of,
        newest.alike,
        spans.span,
        -- per cent points a year, however long it was
        arg_min(
            36500.0 * (newest.rate - counts.rate) / (newest.counted_on - counts.counted_on),
            abs(newest.counted_on - counts.counted_on - spans.days)
        ) as growth
    from newest
    inner join counts
        on newest.municipality_id = counts.municipality_id and newest.as_of = counts.as_of
    inner join spans
        on abs(newest.counted_on - counts.counted_on - spans.days) <= spans.slack
    group by newest.municipality_id, newest.as_of, newest.alike, spans.span
),

growths_ranked as (
    select
        municipality_id,
        as_of,
        span,
        growth,
        median(growth) over (partition by as_of, span) as usual,
        100.0 * (count(*) over peers - rank() over (peers order by growth desc))
        / nullif(count(*) over peers - 1, 0) as place
    from growths
    window peers as (partition by as_of, alike, span)
),

speeds as (
    select
        municipality_id,
        as_of,
        any_value(growth - usual) filter (where span = 'year') as card_growth_lead,
        any_value(place) filter (where span = 'year') as card_growth_rank,
        any_value(place) filter (where span = 'quarter') as card_recent_growth_rank
    from growths_ranked
    group by municipality_id, as_of
)

select
    spine.municipality_id,
    spine.as_of,
    -- beside the others of the day, as the share itself grows everywhere and tells the year
    100.0 * (newest.rate - newest.usual) as card_lead,
    newest.card_rank,
    speeds.card_growth_lead,
    speeds.card_growth_rank,
    speeds.card_recent_growth_rank,
    newest.forerunner
from spine
left join newest using (municipality_id, as_of)
left join speeds using (municipality_id, as_of)
