-- Inquiries of an account by kind, and whether they become more.
with

opened as (
    select
        account_id,
        as_of,
        kind,
        date_diff('day', cast(happened_at as date), as_of) as days_ago
    from tickets
),

counted as (
    select
        account_id,
        as_of,
        count(*) filter (where days_ago <= 30) as tickets_30d,
        count(*) filter (where days_ago between 31 and 60) as tickets_prev_30d,
        count(*) filter (where days_ago <= 90) as tickets_90d,
        count(*) as tickets_365d,
        count(*) filter (where kind = 'question' and days_ago <= 90) as questions_90d,
        count(*) filter (where kind = 'bug' and days_ago <= 90) as bugs_90d,
        count(*) filter (where kind = 'complaint' and days_ago <= 90) as complaints_90d,
        count(*) filter (where kind = 'complaint') as complaints_365d,
        min(days_ago) as days_since_ticket,
        min(days_ago) filter (where kind = 'complaint') as days_since_complaint
    from opened
    where days_ago >= 1
    group by account_id, as_of
)

select
    account_id,
    as_of,
    tickets_30d,
    tickets_prev_30d,
    tickets_30d - tickets_prev_30d as ticket_trend_30d,
    tickets_90d,
    tickets_365d,
    questions_90d,
    bugs_90d,
    complaints_90d,
    complaints_365d,
    days_since_ticket,
    days_since_complaint
from counted
