-- Whom we know at a town hall, how many departments and levels that involves, and who is new.
with

departures as (
    select distinct
        municipality_id,
        as_of,
        contact_id
    from municipal_departures
    where cast(happened_at as date) < as_of
),

there as (
    select
        municipal_contacts.municipality_id,
        municipal_contacts.as_of,
        municipal_contacts.department,
        municipal_contacts.level,
        -- people move on 1 April; whoever came on the last one is new
        municipal_contacts.since >= make_date(
            year(municipal_contacts.as_of)
            - cast(month(municipal_contacts.as_of) < 4 as integer), 4, 1
        ) as is_new
    from municipal_contacts
    anti join departures
        on
            municipal_contacts.municipality_id = departures.municipality_id
            and municipal_contacts.as_of = departures.as_of
            and municipal_contacts.contact_id = departures.contact_id
    where cast(municipal_contacts.happened_at as date) < municipal_contacts.as_of
),

people as (
    select
        municipality_id,
        as_of,
        count(*) as people_known,
        count(distinct department) as departments_known,
        count(distinct level) as levels_known,
        bool_or(is_new) as contact_new_since_april
    from there
    group by municipality_id, as_of
),

touches as (
    select
        municipality_id,
        as_of,
        count(*) filter (where days_ago <= 90) as contacts_90d,
        count(*) filter (where days_ago between 91 and 180) as contacts_prev_90d,
        count(*) as contacts_365d,
        count(*) filter (where kind in ('meeting', 'visit', 'demo')) as meetings_365d,
        min(days_ago) as days_since_contact
    from (
        select
            municipality_id,
            as_of,
            kind,
            date_diff('day', cast(happened_at as date), as_of) as days_ago
        from municipal_activities
    )
    where days_ago between 1 and 365
    group by municipality_id, as_of
)

select
    spine.municipality_id,
    spine.as_of,
    people.people_known,
    people.departments_known,
    people.levels_known,
    people.contact_new_since_april,
    touches.contacts_90d,
    touches.contacts_prev_90d,
    touches.contacts_365d,
    touches.meetings_365d,
    touches.days_since_contact
from spine
left join people using (municipality_id, as_of)
left join touches using (municipality_id, as_of)
