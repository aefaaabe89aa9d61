-- Recency, frequency, value and rhythm of an account's purchases.
with

-- several lines of one day are one occasion to buy
occasions as (
    select
        account_id,
        as_of,
        date_diff('day', cast(happened_at as date), as_of) as days_ago,
        sum(amount) as amount,
        sum(quantity) as quantity
    from purchases
    where cast(happened_at as date) < as_of
    group by account_id, as_of, days_ago
),

with_gaps as (
    select
        *,
        lag(days_ago) over (partition by account_id, as_of order by days_ago desc) - days_ago
            as gap_days
    from occasions
),

counted as (
    select
        account_id,
        as_of,

        count(*) filter (where days_ago <= 30) as purchases_30d,
        count(*) filter (where days_ago between 31 and 60) as purchases_prev_30d,
        count(*) filter (where days_ago <= 90) as purchases_90d,
        count(*) filter (where days_ago between 91 and 180) as purchases_prev_90d,
        count(*) filter (where days_ago <= 365) as purchases_365d,
        count(*) as purchases_all,

        sum(amount) filter (where days_ago <= 90) as purchase_amount_90d,
        sum(amount) filter (where days_ago between 91 and 180) as purchase_amount_prev_90d,
        sum(amount) filter (where days_ago <= 365) as purchase_amount_365d,
        sum(amount) as purchase_amount_all,
        avg(amount) as purchase_amount_mean,
        sum(quantity) as purchase_quantity_all,
        arg_min(amount, days_ago) as last_amount,

        min(days_ago) as days_since_purchase,
        max(days_ago) as purchase_tenure_days,
        avg(gap_days) as purchase_gap_days,
        stddev_samp(gap_days) as purchase_gap_std
    from with_gaps
    group by account_id, as_of
)

select
    account_id,
    as_of,
    purchases_30d,
    purchases_prev_30d,
    purchases_90d,
    purchases_prev_90d,
    purchases_90d - purchases_prev_90d as purchase_trend_90d,
    purchases_365d,
    purchases_all,
    purchase_amount_90d,
    purchase_amount_prev_90d,
    coalesce(purchase_amount_90d, 0) - coalesce(purchase_amount_prev_90d, 0)
        as purchase_amount_trend_90d,
    purchase_amount_365d,
    purchase_amount_all,
    purchase_amount_mean,
    purchase_quantity_all,
    100.0 * last_amount / nullif(purchase_amount_all, 0) as last_purchase_share,
    days_since_purchase,
    purchase_tenure_days,
    purchase_gap_days,
    purchase_gap_std,
    case
        when purchase_gap_days is not null
            then days_since_purchase / greatest(purchase_gap_days, 1)
    end as purchase_gap_ratio
from counted
