-- How a deal moves through its stages: where it stands, how long, how fast.
with

changes as (
    select
        opportunity_id,
        as_of,
        change_id,
        stage,
        stage_order,
        happened_at,
        date_diff('day', cast(happened_at as date), as_of) as days_ago,
        lag(stage_order) over (
            partition by opportunity_id, as_of order by happened_at, change_id
        ) as order_before
    from stage_changes
    where cast(happened_at as date) < as_of
),

-- a change of amount or date leaves the stage as it was: that is no move
summed as (
    select
        opportunity_id,
        as_of,
        arg_max(stage, (happened_at, change_id)) as current_stage,
        arg_max(stage_order, (happened_at, change_id)) as stage_order,
        arg_min(stage_order, (happened_at, change_id)) as first_order,
        max(days_ago) as days_since_start,
        min(days_ago) filter (where order_before is null or stage_order <> order_before)
            as days_in_stage,
        count(*) filter (where stage_order <> order_before) as stage_moves,
        count(*) filter (where stage_order <> order_before and days_ago <= 30)
            as stage_moves_30d,
        count(*) filter (where stage_order < order_before) as backward_moves
    from changes
    group by opportunity_id, as_of
)

select
    opportunity_id,
    as_of,
    current_stage,
    stage_order,
    days_in_stage,
    stage_moves,
    stage_moves_30d,
    backward_moves,
    (stage_order - first_order) / greatest(days_since_start / 30, 1) as stage_pace,
    -- against the mean time that the deal took for its earlier stages
    case
        when stage_moves > 0
            then days_in_stage / greatest((days_since_start - days_in_stage) / stage_moves, 1)
    end as stage_time_ratio
from summed
