-- What an account has under contract: plan, fee and its change, age, renewal.
with

events as (
    select
        account_id,
        as_of,
        contract_id,
        event_id,
        kind,
        plan,
        monthly_fee,
        renewal_on,
        happened_at,
        date_diff('day', cast(happened_at as date), as_of) as days_ago
    from contract_events
    where cast(happened_at as date) < as_of
),

-- the newest event says what holds; where it leaves plan, fee or renewal date blank, they stay
contracts as (
    select
        account_id,
        as_of,
        contract_id,
        arg_max(kind, (happened_at, event_id)) <> 'cancelled' as is_active,
        arg_max(plan, (happened_at, event_id)) as plan,
        arg_max(renewal_on, (happened_at, event_id)) as renewal_on,
        arg_max(monthly_fee, (happened_at, event_id)) as monthly_fee,
        coalesce(
            arg_max(monthly_fee, (happened_at, event_id)) filter (where days_ago > 365),
            arg_min(monthly_fee, (happened_at, event_id))
        ) as monthly_fee_before
    from events
    group by account_id, as_of, contract_id
),

active as (
    select
        account_id,
        as_of,
        count(*) as active_contracts,
        arg_max(plan, (coalesce(monthly_fee, 0), contract_id)) as plan,
        sum(monthly_fee) as monthly_fee,
        sum(monthly_fee_before) as monthly_fee_before,
        greatest(min(date_diff('day', as_of, renewal_on)), 0) as days_to_renewal
    from contracts
    where is_active
    group by account_id, as_of
),

history as (
    select
        account_id,
        as_of,
        date_sub('month', min(cast(happened_at as date)), as_of) as months_since_start,
        count(*) filter (where kind = 'renewed') as renewals_so_far,
        count(*) filter (where kind = 'changed' and days_ago <= 365) as contract_changes_365d
    from events
    group by account_id, as_of
),

sizes as (
    select
        account_id,
        as_of,
        arg_max(employees, known_at) as employees
    from accounts
    group by account_id, as_of
)

select
    history.account_id,
    history.as_of,
    coalesce(active.active_contracts, 0) as active_contracts,
    active.plan,
    active.monthly_fee,
    active.monthly_fee_before,
    100.0 * (active.monthly_fee / nullif(active.monthly_fee_before, 0) - 1) as fee_change_pct,
    active.monthly_fee / nullif(sizes.employees, 0) as fee_per_employee,
    active.days_to_renewal,
    history.months_since_start,
    history.renewals_so_far,
    history.contract_changes_365d
from history
left join active
    on history.account_id = active.account_id and history.as_of = active.as_of
left join sizes
    on history.account_id = sizes.account_id and history.as_of = sizes.as_of
