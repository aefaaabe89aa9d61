-- Each gap between purchases, the smallest and largest purchase, and the quarter ahead.
with

-- several purchases of one day are one occasion to buy
occasions as (
    select
        account_id,
        as_of,
        date_diff('day', cast(happened_at as date), as_of) as days_ago,
        sum(amount) as amount
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
)

select
    account_id,
    as_of,
    arg_min(gap_days, days_ago) as last_gap_days,
    min(gap_days) as shortest_gap_days,
    median(gap_days) as median_gap_days,
    max(gap_days) as longest_gap_days,
    count(*) filter (where days_ago <= 180) as purchases_180d,
    arg_max(amount, days_ago) as first_amount,
    arg_min(amount, days_ago) as last_amount,
    min(amount) as smallest_amount,
    max(amount) as largest_amount,
    date_diff('day', as_of, cast(as_of + interval 3 month as date)) as quarter_ahead_days
from with_gaps
group by account_id, as_of
