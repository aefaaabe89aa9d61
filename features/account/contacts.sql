-- Whom we know at an account, whom we met, and who came or left.
with

departures as (
    select
        account_id,
        as_of,
        contact_id,
        max(happened_at) as left_at
    from contact_departures
    where cast(happened_at as date) < as_of
    group by account_id, as_of, contact_id
),

known as (
    select
        contacts.account_id,
        contacts.as_of,
        contacts.contact_id,
        contacts.department,
        departures.contact_id is null as is_there,
        regexp_matches(
            lower(contacts.title),
            '長|取締|役員|代表|理事|マネージャー|head|manager|director|chief|president|^vp|^c.o$'
        ) as is_manager,
        date_diff('day', cast(contacts.happened_at as date), contacts.as_of) as days_ago
    from contacts
    left join departures
        on
            contacts.account_id = departures.account_id
            and contacts.as_of = departures.as_of
            and contacts.contact_id = departures.contact_id
),

people as (
    select
        account_id,
        as_of,
        count(*) filter (where is_there) as people_known,
        count(*) filter (where is_there and is_manager) as managers_known,
        count(distinct department) filter (where is_there) as departments_known,
        count(*) filter (where days_ago <= 90) as new_people_90d
    from known
    where days_ago >= 1
    group by account_id, as_of
),

leavers as (
    select
        account_id,
        as_of,
        count(*) filter (where left_at >= as_of - interval 90 day) as people_left_90d,
        count(*) filter (where left_at >= as_of - interval 365 day) as people_left_365d
    from departures
    group by account_id, as_of
),

meetings as (
    select
        account_id,
        as_of,
        contact_id,
        count(*) as touches,
        max(happened_at) as last_touch,
        min(date_diff('day', cast(happened_at as date), as_of)) as days_ago,
        bool_or(date_diff('day', cast(happened_at as date), as_of) between 91 and 180)
            as met_before
    from activities
    where
        contact_id is not null
        and channel <> 'web'
        and coalesce(kind, '') not in ('mail_open', 'mail_click')
        and cast(happened_at as date) between as_of - 365 and as_of - 1
    group by account_id, as_of, contact_id
),

met as (
    select
        account_id,
        as_of,
        count(*) filter (where days_ago <= 90) as people_met_90d,
        count(*) filter (where met_before) as people_met_prev_90d,
        arg_max(contact_id, (touches, last_touch, contact_id)) as main_contact_id
    from meetings
    group by account_id, as_of
),

main_contact as (
    select
        met.account_id,
        met.as_of,
        departures.contact_id is not null as main_contact_left
    from met
    left join departures
        on
            met.account_id = departures.account_id
            and met.as_of = departures.as_of
            and met.main_contact_id = departures.contact_id
)

select
    spine.account_id,
    spine.as_of,
    people.people_known,
    people.managers_known,
    people.departments_known,
    people.new_people_90d,
    leavers.people_left_90d,
    leavers.people_left_365d,
    met.people_met_90d,
    met.people_met_prev_90d,
    main_contact.main_contact_left
from spine
left join people using (account_id, as_of)
left join leavers using (account_id, as_of)
left join met using (account_id, as_of)
left join main_contact using (account_id, as_of)
