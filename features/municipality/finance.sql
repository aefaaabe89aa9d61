-- How a municipality stands financially: the indices of its accounts, and what it spends them on.
with

-- arg_max leaves out years without the index
newest as (
    select
        municipality_id,
        as_of,
        arg_max(fiscal_strength, fiscal_year) as fiscal_strength,
        arg_max(current_balance, fiscal_year) as current_balance,
        arg_max(debt_service, fiscal_year) as debt_service,
        arg_max(future_burden, fiscal_year) as future_burden
    from finance
    group by municipality_id, as_of
),

trends as (
    select
        later.municipality_id,
        later.as_of,
        arg_max(later.fiscal_strength - earlier.fiscal_strength, later.fiscal_year)
            as fiscal_strength_trend,
        arg_max(later.current_balance - earlier.current_balance, later.fiscal_year)
            as current_balance_trend,
        arg_max(later.future_burden - earlier.future_burden, later.fiscal_year)
            as future_burden_trend
    from finance as later
    inner join finance as earlier
        on
            later.municipality_id = earlier.municipality_id
            and later.as_of = earlier.as_of
            and later.fiscal_year = earlier.fiscal_year + 5
    group by later.municipality_id, later.as_of
),

-- both figures of one edition; amounts are in 1,000 yen
accounts as (
    select
        municipality_id,
        as_of,
        arg_max(100.0 * local_tax / nullif(revenue, 0), edition) as local_tax_share,
        arg_max(100.0 * works_cost / nullif(expenditure, 0), edition) as works_share,
        arg_max(revenue / nullif(population, 0), edition) as revenue_per_person
    from statistics
    group by municipality_id, as_of
)

select
    spine.municipality_id,
    spine.as_of,
    newest.fiscal_strength,
    trends.fiscal_strength_trend,
    newest.current_balance,
    trends.current_balance_trend,
    newest.debt_service,
    newest.future_burden,
    trends.future_burden_trend,
    accounts.local_tax_share,
    accounts.works_share,
    accounts.revenue_per_person
from spine
left join newest using (municipality_id, as_of)
left join trends using (municipality_id, as_of)
left join accounts using (municipality_id, as_of)
