-- What the newest purchase held, and how it compares with all that was bought before.
with

lines as (
    select
        *,
        cast(happened_at as date) as bought_on
    from order_lines
    where cast(happened_at as date) < as_of
),

days as (
    select
        account_id,
        as_of,
        bought_on,
        count(*) as basket_lines,
        sum(quantity) as basket_quantity,
        max(price) as dearest,
        min(price) as cheapest,
        arg_max(catalogue_number, (price, catalogue_number)) as main_number,
        min(catalogue_number) as first_number,
        max(catalogue_number) as last_number,
        arg_max(category, (price, catalogue_number)) as main_category,
        arg_min(category, (price, catalogue_number)) as side_category,
        bool_or(durable) as has_durable,
        arg_max(catalogue_number, (price, catalogue_number)) filter (where durable)
            as durable_number
    from lines
    group by account_id, as_of, bought_on
),

by_day as (
    select
        account_id,
        as_of,
        arg_max_null(basket_lines, bought_on) as basket_lines,
        arg_max_null(basket_quantity, bought_on) as basket_quantity,
        arg_max_null(dearest, bought_on) as basket_dearest_price,
        arg_max_null(cheapest, bought_on) as basket_cheapest_price,
        arg_max_null(main_number, bought_on) as basket_main_number,
        arg_max_null(first_number, bought_on) as basket_first_number,
        arg_max_null(last_number, bought_on) as basket_last_number,
        arg_max_null(main_category, bought_on) as basket_main_category,
        arg_max_null(side_category, bought_on) as basket_side_category,
        count(*) filter (where has_durable) as durable_purchases,
        date_diff('day', max(bought_on) filter (where has_durable), as_of) as days_since_durable,
        arg_max(durable_number, bought_on) filter (where has_durable) as durable_number,
        100.0 * count(*) filter (where has_durable is not true) / count(*) as consumable_share,
        max(dearest) as dearest_price
    from days
    group by account_id, as_of
),

by_product as (
    select
        account_id,
        as_of,
        count(distinct product_id) as products_bought,
        count(distinct category) as categories_bought
    from lines
    group by account_id, as_of
)

select
    by_day.*,
    by_product.products_bought,
    by_product.categories_bought
from by_day
inner join by_product using (account_id, as_of)
