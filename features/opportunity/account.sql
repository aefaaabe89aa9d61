-- The account behind a deal: what it is, and how earlier deals with it ended.
with

profiles as (
    select
        opportunity_id,
        as_of,
        arg_max(industry, known_at) as account_industry,
        arg_max(employees, known_at) as account_employees,
        arg_max(revenue, known_at) as account_revenue,
        arg_max(prefecture, known_at) as account_prefecture,
        arg_max(segment, known_at) as account_segment
    from accounts
    group by opportunity_id, as_of
),

past_deals as (
    select
        opportunity_id,
        as_of,
        source_opportunity_id,
        arg_max(outcome, (happened_at, change_id)) as outcome,
        date_diff('day', cast(max(happened_at) as date), as_of) as days_ago
    from stage_changes
    where
        source_opportunity_id <> opportunity_id
        and cast(happened_at as date) < as_of
    group by opportunity_id, as_of, source_opportunity_id
),

outcomes as (
    select
        opportunity_id,
        as_of,
        count(*) filter (where outcome = 'won') as account_won_deals,
        count(*) filter (where outcome = 'lost') as account_lost_deals,
        count(*) filter (where outcome = 'open') as account_other_open_deals,
        min(days_ago) filter (where outcome = 'won') as account_days_since_won
    from past_deals
    group by opportunity_id, as_of
)

select
    spine.opportunity_id,
    spine.as_of,
    profiles.account_industry,
    profiles.account_employees,
    profiles.account_revenue,
    profiles.account_prefecture,
    profiles.account_segment,
    outcomes.account_won_deals,
    outcomes.account_lost_deals,
    outcomes.account_other_open_deals,
    100.0 * outcomes.account_won_deals
    / nullif(outcomes.account_won_deals + outcomes.account_lost_deals, 0) as account_win_rate,
    outcomes.account_days_since_won
from spine
left join profiles using (opportunity_id, as_of)
left join outcomes using (opportunity_id, as_of)
