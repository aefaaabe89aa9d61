-- How many of the shop's newest purchases are made by customers who had bought before.
with

shares as (
    select
        as_of,
        100.0 * count(*) filter (where number > 1) / count(*) as returning_share_90d
    from shop_purchases
    group by as_of
)

select
    spine.account_id,
    spine.as_of,
    shares.returning_share_90d
from spine
inner join shares using (as_of)
