-- How earlier deals of the same owner and the same product ended, as known at the time.
with

closed as (
    select
        deal_outcomes.as_of,
        deal_outcomes.owner_id,
        deal_outcomes.product,
        deal_outcomes.won,
        cast(deal_outcomes.happened_at as date) >= deal_outcomes.as_of - 365 as is_recent
    from deal_outcomes
    where
        deal_outcomes.won is not null
        and cast(deal_outcomes.happened_at as date) < deal_outcomes.as_of
),

overall as (
    select
        as_of,
        avg(cast(won as integer)) as rate
    from closed
    group by as_of
),

-- 10 deals of the overall rate are added, so that a few deals do not make a rate
by_owner as (
    select
        as_of,
        owner_id,
        count(*) filter (where is_recent) as deals_365d,
        (count(*) filter (where won and is_recent) + 10 * any_value(overall.rate))
        / (count(*) filter (where is_recent) + 10) as rate_365d,
        (count(*) filter (where won) + 10 * any_value(overall.rate)) / (count(*) + 10) as rate
    from closed
    inner join overall using (as_of)
    group by as_of, owner_id
),

by_product as (
    select
        as_of,
        product,
        count(*) filter (where is_recent) as deals_365d,
        (count(*) filter (where won and is_recent) + 10 * any_value(overall.rate))
        / (count(*) filter (where is_recent) + 10) as rate_365d,
        (count(*) filter (where won) + 10 * any_value(overall.rate)) / (count(*) + 10) as rate
    from closed
    inner join overall using (as_of)
    group by as_of, product
),

by_owner_and_product as (
    select
        as_of,
        owner_id,
        product,
        count(*) as deals,
        (count(*) filter (where won) + 10 * any_value(overall.rate)) / (count(*) + 10) as rate
    from closed
    inner join overall using (as_of)
    group by as_of, owner_id, product
)

select
    deals.opportunity_id,
    deals.as_of,
    100.0 * by_owner.rate_365d as owner_win_rate_365d,
    100.0 * by_owner.rate as owner_win_rate,
    by_owner.deals_365d as owner_deals_365d,
    100.0 * by_product.rate_365d as product_win_rate_365d,
    100.0 * by_product.rate as product_win_rate,
    by_product.deals_365d as product_deals_365d,
    100.0 * by_owner_and_product.rate as owner_product_win_rate,
    by_owner_and_product.deals as owner_product_deals
from opportunities as deals
left join by_owner on deals.as_of = by_owner.as_of and deals.owner_id = by_owner.owner_id
left join by_product on deals.as_of = by_product.as_of and deals.product = by_product.product
left join by_owner_and_product
    on
        deals.as_of = by_owner_and_product.as_of
        and deals.owner_id = by_owner_and_product.owner_id
        and deals.product = by_owner_and_product.product
