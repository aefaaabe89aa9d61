-- Subsidies that a municipality may apply for: announced by the date, not yet closed.
with

-- a programme takes applications on its last day too
open_windows as (
    select
        municipality_id,
        as_of,
        programme_id,
        rate,
        date_diff('day', as_of, closes_on) as days_left
    from eligibility
    where closes_on >= as_of
)

select
    municipality_id,
    as_of,
    count(distinct programme_id) as open_programmes,
    min(days_left) as days_to_deadline,
    100.0 * max(rate) as best_rate
from open_windows
group by municipality_id, as_of
