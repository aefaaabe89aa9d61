-- How much of what the plan includes is used up, as a signal for a larger plan.
with

contracts as (
    select
        account_id,
        as_of,
        arg_max(kind, (happened_at, event_id)) as kind,
        arg_max(plan, (happened_at, event_id)) as plan
    from contract_events
    where cast(happened_at as date) < as_of
    group by account_id, as_of, contract_id
),

-- several contracts add up; one without limits has none
included as (
    select
        contracts.account_id,
        contracts.as_of,
        case when count(*) = count(plan_limits.deliveries) then sum(plan_limits.deliveries) end
            as deliveries,
        case when count(*) = count(plan_limits.users) then sum(plan_limits.users) end as users
    from contracts
    left join plan_limits
        on contracts.as_of = plan_limits.as_of and contracts.plan = plan_limits.plan
    where contracts.kind <> 'cancelled'
    group by contracts.account_id, contracts.as_of
),

used as (
    select
        account_id,
        as_of,
        sum(deliveries) as deliveries,
        max(active_users) as users
    from usage
    where cast(happened_at as date) between as_of - 30 and as_of - 1
    group by account_id, as_of
)

select
    included.account_id,
    included.as_of,
    100.0 * coalesce(used.deliveries, 0) / nullif(included.deliveries, 0) as delivery_use_pct,
    100.0 * coalesce(used.users, 0) / nullif(included.users, 0) as user_use_pct
from included
left join used using (account_id, as_of)
