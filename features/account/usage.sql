-- How an account uses the product: logins, people, deliveries, and how that moves.
with

daily as (
    select
        account_id,
        as_of,
        logins,
        active_users,
        deliveries,
        date_diff('day', cast(happened_at as date), as_of) as days_ago
    from usage
),

counted as (
    select
        account_id,
        as_of,

        sum(logins) filter (where days_ago <= 7) as logins_7d,
        sum(logins) filter (where days_ago <= 30) as logins_30d,

        count(distinct days_ago) filter (where logins > 0 and days_ago <= 30) as login_days_30d,
        count(distinct days_ago) filter (where logins > 0 and days_ago between 31 and 60)
            as login_days_prev_30d,
        count(distinct days_ago) filter (where logins > 0 and days_ago <= 90) as login_days_90d,
        count(distinct (days_ago - 1) // 7) filter (where logins > 0 and days_ago <= 84)
            as login_weeks_12w,
        min(days_ago) filter (where logins > 0) as days_since_login,

        max(active_users) filter (where days_ago <= 30) as active_users_30d,
        max(active_users) filter (where days_ago between 31 and 60) as active_users_prev_30d,

        sum(deliveries) filter (where days_ago <= 30) as deliveries_30d,
        sum(deliveries) filter (where days_ago between 31 and 60) as deliveries_prev_30d,
        sum(deliveries) filter (where days_ago <= 90) as deliveries_90d,
        min(days_ago) filter (where deliveries > 0) as days_since_delivery
    from daily
    where days_ago >= 1
    group by account_id, as_of
)

select
    account_id,
    as_of,
    logins_7d,
    logins_30d,
    login_days_30d,
    login_days_prev_30d,
    login_days_30d - login_days_prev_30d as login_trend_30d,
    login_days_90d,
    12 - login_weeks_12w as zero_login_weeks_12w,
    days_since_login,
    active_users_30d,
    active_users_prev_30d,
    coalesce(active_users_30d, 0) - coalesce(active_users_prev_30d, 0) as active_users_trend_30d,
    deliveries_30d,
    deliveries_prev_30d,
    100.0 * coalesce(deliveries_30d, 0) / nullif(deliveries_prev_30d, 0) as delivery_ratio_30d,
    deliveries_90d,
    days_since_delivery
from counted
