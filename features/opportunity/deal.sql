-- The deal itself: its size, what it is about and where it came from.
with

amounts as (
    select
        opportunity_id,
        as_of,
        arg_min(amount, (happened_at, change_id)) as first_amount,
        arg_max(amount, (happened_at, change_id)) as amount
    from stage_changes
    where cast(happened_at as date) < as_of
    group by opportunity_id, as_of
),

deals as (
    select
        opportunities.opportunity_id,
        opportunities.as_of,
        opportunities.product,
        opportunities.kind,
        opportunities.lead_source,
        coalesce(amounts.amount, opportunities.amount) as amount,
        coalesce(opportunities.amount, amounts.first_amount) as first_amount
    from opportunities
    left join amounts
        on
            opportunities.opportunity_id = amounts.opportunity_id
            and opportunities.as_of = amounts.as_of
)

select
    opportunity_id,
    as_of,
    amount as deal_amount,
    case when amount is not null then ln(1 + greatest(amount, 0)) end as deal_amount_log,
    100.0 * (amount / nullif(first_amount, 0) - 1) as amount_change_pct,
    product as deal_product,
    kind as deal_kind,
    lead_source
from deals
