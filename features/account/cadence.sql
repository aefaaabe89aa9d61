-- How often a customer must be touched, by segment, and whether that was kept.
with

customers as (
    select
        account_id,
        as_of,
        min(cast(happened_at as date)) as started_on
    from contract_events
    where cast(happened_at as date) < as_of
    group by account_id, as_of
),

segments as (
    select
        account_id,
        as_of,
        arg_max(segment, known_at) as segment
    from accounts
    group by account_id, as_of
),

-- how long the start counts as a touch
rules as (
    select
        as_of,
        segment,
        max(months) as months
    from cadence
    group by as_of, segment
),

contacts as (
    select
        account_id,
        as_of,
        channel,
        cast(happened_at as date) as happened_on
    from activities
    where
        -- opening a mail and reading a page are reactions, not contacts
        channel in ('mail', 'phone', 'visit', 'meeting', 'event')
        and coalesce(kind, '') not in ('mail_open', 'mail_click')
        and cast(happened_at as date) < as_of
),

latest as (
    select
        account_id,
        as_of,
        max(happened_on) as last_contact,
        max(happened_on) filter (where channel in ('meeting', 'visit')) as last_meeting
    from contacts
    group by account_id, as_of
),

-- what counts in the segment, and the start
touches as (
    select
        customers.account_id,
        customers.as_of,
        contacts.happened_on as touched_on,
        cadence.months
    from customers
    inner join segments using (account_id, as_of)
    inner join contacts using (account_id, as_of)
    inner join cadence
        on
            customers.as_of = cadence.as_of
            and segments.segment = cadence.segment
            and contacts.channel = cadence.channel
    union
    select
        customers.account_id,
        customers.as_of,
        customers.started_on as touched_on,
        rules.months
    from customers
    inner join segments using (account_id, as_of)
    inner join rules on customers.as_of = rules.as_of and segments.segment = rules.segment
),

-- from a touch until the next is due, or comes
covered as (
    select
        account_id,
        as_of,
        touched_on,
        max(cast(touched_on + to_months(cast(months as integer)) as date)) over so_far as due_on,
        lead(touched_on, 1, as_of) over (
            partition by account_id, as_of order by touched_on, months
        ) as next_on
    from touches
    window so_far as (
        partition by account_id, as_of order by touched_on, months
        rows between unbounded preceding and current row
    )
),

-- of the days of the last year since the start, those on which no touch was overdue
kept as (
    select
        covered.account_id,
        covered.as_of,
        max(covered.due_on) as due_on,
        sum(
            greatest(
                date_diff(
                    'day',
                    greatest(covered.touched_on, customers.started_on, covered.as_of - 365),
                    least(covered.due_on, covered.next_on)
                ),
                0
            )
        ) as days_kept,
        date_diff(
            'day', greatest(any_value(customers.started_on), covered.as_of - 365), covered.as_of
        ) as days
    from covered
    inner join customers using (account_id, as_of)
    group by covered.account_id, covered.as_of
)

select
    customers.account_id,
    customers.as_of,
    date_diff('day', customers.as_of, kept.due_on) as days_to_touch,
    kept.due_on < customers.as_of as touch_overdue,
    100.0 * kept.days_kept / kept.days as cadence_kept_pct,
    date_sub('month', coalesce(latest.last_contact, customers.started_on), customers.as_of)
        as months_without_contact,
    date_diff('day', coalesce(latest.last_meeting, customers.started_on), customers.as_of)
        as days_since_meeting
from customers
left join latest using (account_id, as_of)
left join kept using (account_id, as_of)
