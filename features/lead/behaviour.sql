-- What the people of a lead did, and what we did: visits, downloads, mails, calls.
with

activities as (
    select
        lead_id,
        as_of,
        channel,
        kind,
        person,
        direction = 'in' as is_inbound,
        -- opening a mail and reading a page are reactions, not contacts
        channel in ('mail', 'phone', 'visit', 'meeting', 'event')
        and coalesce(kind, '') not in ('mail_open', 'mail_click') as is_contact,
        date_diff('day', cast(happened_at as date), as_of) as days_ago
    from lead_activities
),

counted as (
    select
        lead_id,
        as_of,

        count(*) filter (where is_contact and days_ago <= 7) as contacts_7d,
        count(*) filter (where is_contact and days_ago <= 30) as contacts_30d,
        count(*) filter (where is_contact and days_ago between 31 and 60) as contacts_prev_30d,
        count(*) filter (where is_contact and days_ago <= 90) as contacts_90d,
        count(*) filter (where channel = 'phone' and days_ago <= 30) as calls_30d,
        count(*) filter (where is_contact and channel = 'mail' and days_ago <= 30) as mails_30d,
        count(*) filter (where channel in ('visit', 'meeting') and days_ago <= 90)
            as meetings_90d,

        count(*) filter (where is_contact and is_inbound and days_ago <= 30) as inbound_30d,
        count(*) filter (where is_contact and is_inbound and days_ago <= 90) as inbound_90d,
        count(*) filter (where is_contact and not is_inbound and days_ago <= 30) as outbound_30d,

        count(*) filter (where kind in ('page_view', 'price_page_view') and days_ago <= 7)
            as page_views_7d,
        count(*) filter (where kind in ('page_view', 'price_page_view') and days_ago <= 30)
            as page_views_30d,
        count(*) filter (
            where kind in ('page_view', 'price_page_view') and days_ago between 31 and 60
        ) as page_views_prev_30d,
        count(*) filter (where kind = 'price_page_view' and days_ago <= 30)
            as price_page_views_30d,
        count(*) filter (where kind in ('download', 'comparison_download') and days_ago <= 90)
            as downloads_90d,
        count(*) filter (where kind = 'comparison_download' and days_ago <= 90)
            as comparison_downloads_90d,
        count(*) filter (where kind = 'form' and days_ago <= 90) as forms_90d,
        count(*) filter (where kind = 'webinar' and days_ago <= 90) as webinars_90d,
        count(*) filter (where kind = 'mail_open' and days_ago <= 30) as mail_opens_30d,
        count(*) filter (where kind = 'mail_click' and days_ago <= 30) as mail_clicks_30d,

        count(distinct person) filter (where days_ago <= 90) as persons_90d,
        min(days_ago) filter (where is_contact) as days_since_contact,
        min(days_ago) filter (where is_inbound) as days_since_reaction
    from activities
    where days_ago >= 1
    group by lead_id, as_of
)

select
    lead_id,
    as_of,
    contacts_7d,
    contacts_30d,
    contacts_prev_30d,
    contacts_30d - contacts_prev_30d as contact_trend_30d,
    contacts_90d,
    calls_30d,
    mails_30d,
    meetings_90d,
    inbound_30d,
    outbound_30d,
    100.0 * inbound_90d / nullif(contacts_90d, 0) as inbound_share_90d,
    page_views_7d,
    page_views_30d,
    page_views_prev_30d,
    price_page_views_30d,
    downloads_90d,
    comparison_downloads_90d,
    forms_90d,
    webinars_90d,
    mail_opens_30d,
    mail_clicks_30d,
    persons_90d,
    days_since_contact,
    days_since_reaction
from counted
