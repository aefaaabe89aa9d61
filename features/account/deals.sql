-- Deals with an account: what is open, what was won or lost.
with

latest_changes as (
    select
        account_id,
        as_of,
        opportunity_id,
        arg_max(outcome, (happened_at, change_id)) as outcome,
        arg_max(amount, (happened_at, change_id)) as amount,
        max(happened_at) as changed_at
    from stage_changes
    where cast(happened_at as date) < as_of
    group by account_id, as_of, opportunity_id
),

deals as (
    select
        opportunities.account_id,
        opportunities.as_of,
        coalesce(latest_changes.outcome, 'open') as outcome,
        coalesce(latest_changes.amount, opportunities.amount) as amount,
        date_diff('day', cast(opportunities.happened_at as date), opportunities.as_of) as age_days,
        date_diff('day', cast(latest_changes.changed_at as date), opportunities.as_of)
            as days_since_change
    from opportunities
    left join latest_changes
        on
            opportunities.account_id = latest_changes.account_id
            and opportunities.as_of = latest_changes.as_of
            and opportunities.opportunity_id = latest_changes.opportunity_id
)

select
    account_id,
    as_of,
    count(*) filter (where outcome = 'open') as open_deals,
    sum(amount) filter (where outcome = 'open') as open_deal_amount,
    count(*) filter (where age_days <= 90) as new_deals_90d,
    count(*) filter (where outcome = 'won' and days_since_change <= 365) as won_deals_365d,
    count(*) filter (where outcome = 'lost' and days_since_change <= 365) as lost_deals_365d,
    min(days_since_change) filter (where outcome = 'won') as days_since_won
from deals
where age_days >= 1
group by account_id, as_of
