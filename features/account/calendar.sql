-- Where in the fiscal year (it starts on 1 April) a date lies.
with

dates as (
    select
        account_id,
        as_of,
        month(as_of) as calendar_month,
        -- April is 0, March is 11
        (month(as_of) + 8) % 12 as months_into_fiscal_year,
        make_date(year(as_of) + cast(month(as_of) >= 4 as integer), 4, 1) as next_fiscal_year
    from spine
)

select
    account_id,
    as_of,
    cast(calendar_month as varchar) as calendar_month,
    cast(months_into_fiscal_year // 3 + 1 as varchar) as fiscal_quarter,
    months_into_fiscal_year,
    date_diff('day', as_of, next_fiscal_year) as days_to_fiscal_year_end
from dates
