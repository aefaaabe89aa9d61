-- Season: when the lead came in, and where in the fiscal year (it starts on 1 April) we are.
select
    lead_id,
    as_of,
    cast(month(happened_at) as varchar) as created_month,
    cast((month(happened_at) + 8) % 12 // 3 + 1 as varchar) as created_fiscal_quarter,
    (month(as_of) + 8) % 12 as months_into_fiscal_year,
    date_diff(
        'day', as_of, make_date(year(as_of) + cast(month(as_of) >= 4 as integer), 4, 1)
    ) as days_to_fiscal_year_end
from leads
