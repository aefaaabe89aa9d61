-- Contacts with an account: how many by channel, how recent, how regular, and from which side.
with

touches as (
    select
        account_id,
        as_of,
        channel,
        kind,
        direction = 'in' as is_inbound,
        -- opening a mail and reading a page are reactions, not contacts
        channel in ('mail', 'phone', 'visit', 'meeting', 'event')
        and coalesce(kind, '') not in ('mail_open', 'mail_click') as is_contact,
        channel in ('phone', 'visit', 'meeting') as is_personal,
        date_diff('day', cast(happened_at as date), as_of) as days_ago
    from activities
),

-- one pass: everything below is a filtered count over the same rows
counted as (
    select
        account_id,
        as_of,

        count(*) filter (where is_contact and days_ago <= 7) as contacts_7d,
        count(*) filter (where is_contact and days_ago <= 30) as contacts_30d,
        count(*) filter (where is_contact and days_ago between 31 and 60) as contacts_prev_30d,
        count(*) filter (where is_contact and days_ago <= 90) as contacts_90d,
        count(*) filter (where is_contact) as contacts_365d,

        count(*) filter (where is_contact and channel = 'mail' and days_ago <= 30) as mails_30d,
        count(*) filter (where channel = 'phone' and days_ago <= 30) as calls_30d,
        count(*) filter (where channel = 'phone' and days_ago <= 90) as calls_90d,
        count(*) filter (where channel = 'visit' and days_ago <= 90) as visits_90d,
        count(*) filter (where channel = 'meeting' and days_ago <= 90) as meetings_90d,
        count(*) filter (where channel = 'meeting') as meetings_365d,
        count(*) filter (where channel = 'event') as events_365d,
        count(*) filter (where kind in ('mail_open', 'mail_click') and days_ago <= 30)
            as mail_reactions_30d,
        count(*) filter (where channel = 'web' and days_ago <= 30) as web_visits_30d,
        count(*) filter (where kind = 'price_page_view' and days_ago <= 90)
            as price_page_views_90d,
        count(*) filter (where kind = 'comparison_download' and days_ago <= 90)
            as comparison_downloads_90d,

        count(*) filter (where is_contact and is_inbound and days_ago <= 90) as inbound_90d,

        min(days_ago) filter (where is_contact) as days_since_contact,
        min(days_ago) filter (where is_personal) as days_since_personal_contact,
        min(days_ago) filter (where is_contact and is_inbound) as days_since_inbound,
        max(days_ago) filter (where is_contact) as days_since_first_contact
    from touches
    where days_ago >= 1
    group by account_id, as_of
),

with_rhythm as (
    select
        *,
        -- a rhythm needs three contacts; several on one day count as a gap of zero
        case
            when contacts_365d >= 3
                then (days_since_first_contact - days_since_contact) / (contacts_365d - 1)
        end as contact_gap_days
    from counted
)

select
    account_id,
    as_of,
    contacts_7d,
    contacts_30d,
    contacts_prev_30d,
    contacts_30d - contacts_prev_30d as contact_trend_30d,
    contacts_90d,
    contacts_365d,
    mails_30d,
    calls_30d,
    calls_90d,
    visits_90d,
    meetings_90d,
    meetings_365d,
    events_365d,
    mail_reactions_30d,
    web_visits_30d,
    price_page_views_90d,
    comparison_downloads_90d,
    100.0 * inbound_90d / nullif(contacts_90d, 0) as inbound_share_90d,
    days_since_contact,
    days_since_personal_contact,
    days_since_inbound,
    contact_gap_days,
    case
        when contact_gap_days is not null
            then days_since_contact / greatest(contact_gap_days, 1)
    end as contact_gap_ratio
from with_rhythm
