-- Where a customer stands on the way from onboarding to renewal.
with

contracts as (
    select
        account_id,
        as_of,
        min(cast(happened_at as date)) as started_on,
        arg_max(kind, (happened_at, event_id)) as kind,
        arg_max(renewal_on, (happened_at, event_id)) as renewal_on
    from contract_events
    where cast(happened_at as date) < as_of
    group by account_id, as_of, contract_id
),

-- months that are over since the start, months begun until the renewal
customers as (
    select
        account_id,
        as_of,
        date_diff('day', min(started_on), as_of) as days_as_customer,
        date_sub('month', min(started_on), as_of) as months_as_customer,
        case
            when min(renewal_on) > as_of then date_sub('month', as_of, min(renewal_on) - 1) + 1
            when min(renewal_on) <= as_of then 0
        end as months_to_renewal
    from contracts
    where kind <> 'cancelled'
    group by account_id, as_of
),

-- what comes before the renewal goes before what comes since the start
phases as (
    select
        customers.account_id,
        customers.as_of,
        coalesce(
            arg_min(lifecycle.phase, lifecycle.before_renewal)
                filter (where customers.months_to_renewal <= lifecycle.before_renewal),
            arg_max(lifecycle.phase, lifecycle.from_month)
                filter (where customers.months_as_customer >= lifecycle.from_month)
        ) as phase
    from customers
    inner join lifecycle using (as_of)
    group by customers.account_id, customers.as_of
),

deliveries as (
    select
        account_id,
        as_of,
        date_diff('day', min(cast(happened_at as date)), as_of) as days_since_first_delivery
    from usage
    where deliveries > 0 and cast(happened_at as date) < as_of
    group by account_id, as_of
)

select
    customers.account_id,
    customers.as_of,
    phases.phase as lifecycle_phase,
    customers.days_as_customer,
    customers.months_to_renewal,
    deliveries.days_since_first_delivery
from customers
left join phases using (account_id, as_of)
left join deliveries using (account_id, as_of)
