-- Contacts on a deal by channel, how recent, from which side, and with how many people.
with

touches as (
    select
        opportunity_id,
        as_of,
        contact_id,
        channel,
        kind,
        direction = 'in' as is_inbound,
        -- opening a mail and reading a page are reactions, not contacts
        channel in ('mail', 'phone', 'visit', 'meeting', 'event')
        and coalesce(kind, '') not in ('mail_open', 'mail_click') as is_contact,
        channel in ('visit', 'meeting') as is_meeting,
        date_diff('day', cast(happened_at as date), as_of) as days_ago
    from activities
),

counted as (
    select
        opportunity_id,
        as_of,

        count(*) filter (where is_contact and days_ago <= 7) as contacts_7d,
        count(*) filter (where is_contact and days_ago <= 30) as contacts_30d,
        count(*) filter (where is_contact and days_ago between 31 and 60) as contacts_prev_30d,
        count(*) filter (where is_contact and days_ago <= 90) as contacts_90d,
        count(*) filter (where is_contact) as contacts_365d,

        count(*) filter (where is_contact and channel = 'mail' and days_ago <= 30) as mails_30d,
        count(*) filter (where channel = 'phone' and days_ago <= 30) as calls_30d,
        count(*) filter (where channel = 'visit' and days_ago <= 90) as visits_90d,
        count(*) filter (where channel = 'meeting' and days_ago <= 90) as meetings_90d,
        count(*) filter (where channel = 'event' and days_ago <= 90) as events_90d,
        count(*) filter (where channel = 'web' and days_ago <= 30) as web_visits_30d,
        count(*) filter (where kind = 'price_page_view' and days_ago <= 30)
            as price_page_views_30d,
        count(*) filter (where kind = 'comparison_download' and days_ago <= 90)
            as comparison_downloads_90d,

        count(*) filter (where is_contact and is_inbound and days_ago <= 30) as inbound_30d,
        count(*) filter (where is_contact and is_inbound and days_ago <= 90) as inbound_90d,
        count(distinct contact_id) filter (where is_contact and days_ago <= 90)
            as people_met_90d,

        min(days_ago) filter (where is_contact) as days_since_contact,
        min(days_ago) filter (where is_meeting) as days_since_meeting,
        min(days_ago) filter (where is_contact and is_inbound) as days_since_inbound
    from touches
    where days_ago >= 1
    group by opportunity_id, as_of
)

select
    opportunity_id,
    as_of,
    contacts_7d,
    contacts_30d,
    contacts_prev_30d,
    contacts_30d - contacts_prev_30d as contact_trend_30d,
    contacts_90d,
    contacts_365d,
    mails_30d,
    calls_30d,
    visits_90d,
    meetings_90d,
    events_90d,
    web_visits_30d,
    price_page_views_30d,
    comparison_downloads_90d,
    inbound_30d,
    100.0 * inbound_90d / nullif(contacts_90d, 0) as inbound_share_90d,
    people_met_90d,
    days_since_contact,
    days_since_meeting,
    days_since_inbound
from counted
