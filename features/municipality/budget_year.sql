-- Where in the budget year a date lies. All municipalities share its calendar.
with

-- a period holds its first and its last day; what comes next begins after the date
places as (
    select
        as_of,
        any_value(name) filter (where kind = 'stage' and as_of between starts_on and ends_on)
            as budget_stage,
        min(starts_on) filter (where kind = 'stage' and starts_on > as_of) as next_stage,
        any_value(starts_on) filter (where kind = 'year' and as_of between starts_on and ends_on)
            as year_start,
        any_value(ends_on) filter (where kind = 'year' and as_of between starts_on and ends_on)
            as year_end,
        bool_or(kind = 'assembly' and as_of between starts_on and ends_on)
            as assembly_in_session,
        min(starts_on) filter (where kind = 'assembly' and starts_on > as_of) as next_assembly,
        min(starts_on) filter (where kind = 'supplementary' and starts_on > as_of)
            as next_supplementary,
        max(starts_on) filter (where kind = 'rotation' and starts_on <= as_of) as last_rotation
    from budget_calendar
    group by as_of
),

-- 0 on the first day of the year, and again one day after its last
positions as (
    select
        *,
        date_diff('day', year_start, as_of) / (date_diff('day', year_start, year_end) + 1.0)
            as position
    from places
    -- outside the calendar nothing is known
    where year_start is not null
)

select
    spine.municipality_id,
    spine.as_of,
    positions.budget_stage,
    sin(2 * pi() * positions.position) as budget_year_sin,
    cos(2 * pi() * positions.position) as budget_year_cos,
    100.0 * positions.position as budget_year_elapsed_pct,
    date_diff('day', spine.as_of, positions.next_stage) as days_to_next_stage,
    date_diff('day', spine.as_of, positions.next_assembly) as days_to_next_assembly,
    date_diff('day', spine.as_of, positions.next_supplementary) as days_to_next_supplementary,
    date_sub('month', positions.last_rotation, spine.as_of) as months_since_rotation,
    positions.assembly_in_session
from spine
left join positions on spine.as_of = positions.as_of
