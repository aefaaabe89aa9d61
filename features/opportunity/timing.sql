-- The clock of a deal: its age, its expected closing date, and how often that was put off.
with

changes as (
    select
        opportunity_id,
        as_of,
        change_id,
        expected_close,
        happened_at,
        lag(expected_close) over (
            partition by opportunity_id, as_of order by happened_at, change_id
        ) as expected_before
    from stage_changes
    where
        cast(happened_at as date) < as_of
        and expected_close is not null
),

plans as (
    select
        opportunity_id,
        as_of,
        arg_max(expected_close, (happened_at, change_id)) as expected_close,
        count(*) filter (where expected_close > expected_before) as close_pushed_times,
        sum(date_diff('day', expected_before, expected_close))
            filter (where expected_close > expected_before) as close_pushed_days
    from changes
    group by opportunity_id, as_of
),

deals as (
    select
        opportunities.opportunity_id,
        opportunities.as_of,
        plans.close_pushed_times,
        plans.close_pushed_days,
        date_diff('day', cast(opportunities.happened_at as date), opportunities.as_of) as age_days,
        date_diff('day', opportunities.as_of, plans.expected_close) as days_to_close
    from opportunities
    left join plans
        on
            opportunities.opportunity_id = plans.opportunity_id
            and opportunities.as_of = plans.as_of
)

select
    opportunity_id,
    as_of,
    age_days as deal_age_days,
    case when days_to_close is not null then greatest(days_to_close, 0) end
        as days_to_expected_close,
    case when days_to_close is not null then greatest(-days_to_close, 0) end as days_overdue,
    close_pushed_times,
    close_pushed_days
from deals
