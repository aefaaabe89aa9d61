-- What an account is: the version of its record known at the time.
select
    account_id,
    as_of,
    arg_max(industry, known_at) as industry,
    arg_max(employees, known_at) as employees,
    arg_max(revenue, known_at) as revenue,
    arg_max(prefecture, known_at) as prefecture,
    arg_max(segment, known_at) as account_segment
from accounts
group by account_id, as_of
