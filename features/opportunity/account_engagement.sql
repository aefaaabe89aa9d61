-- Contacts with the whole account behind a deal, this deal's included.
with

touches as (
    select
        opportunity_id,
        as_of,
        contact_id,
        channel,
        direction = 'in' as is_inbound,
        channel in ('mail', 'phone', 'visit', 'meeting', 'event')
        and coalesce(kind, '') not in ('mail_open', 'mail_click') as is_contact,
        date_diff('day', cast(happened_at as date), as_of) as days_ago
    from activities
),

counted as (
    select
        opportunity_id,
        as_of,
        count(*) filter (where is_contact and days_ago <= 30) as account_contacts_30d,
        count(*) filter (where is_contact and days_ago between 31 and 60)
            as account_contacts_prev_30d,
        count(*) filter (where is_contact) as account_contacts_90d,
        count(*) filter (where is_contact and is_inbound) as account_inbound_90d,
        count(*) filter (where channel = 'web' and days_ago <= 30) as account_web_visits_30d,
        count(distinct contact_id) filter (where is_contact) as account_people_met_90d,
        min(days_ago) filter (where is_contact) as account_days_since_contact
    from touches
    where days_ago >= 1
    group by opportunity_id, as_of
)

select
    opportunity_id,
    as_of,
    account_contacts_30d,
    account_contacts_prev_30d,
    account_contacts_90d,
    account_inbound_90d,
    account_web_visits_30d,
    account_people_met_90d,
    account_days_since_contact
from counted
