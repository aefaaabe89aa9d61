-- How an account answers our contacts: how often, how fast, and whether it still does.
with

acts as (
    select
        account_id,
        as_of,
        happened_at,
        direction = 'in' as is_theirs,
        channel = 'mail' as is_mail
    from activities
    where happened_at < as_of
),

followed as (
    select
        *,
        min(if(is_theirs, happened_at, null)) over (
            partition by account_id, as_of
            order by happened_at
            range between current row and unbounded following
        ) as answered_at
    from acts
),

-- what they do within three days counts as the answer; younger contacts may still get one
contacts as (
    select
        account_id,
        as_of,
        is_mail,
        happened_at >= as_of - interval 90 day as is_recent,
        coalesce(answered_at <= happened_at + interval 3 day, false) as is_answered,
        date_diff('hour', happened_at, answered_at) as hours
    from followed
    where not is_theirs and happened_at < as_of - interval 3 day
),

counted as (
    select
        account_id,
        as_of,
        count(*) as contacts,
        count(*) filter (where is_answered) as answered,
        count(*) filter (where is_recent) as recent_contacts,
        count(*) filter (where is_recent and is_answered) as recent_answered,
        count(*) filter (where is_mail) as mails,
        count(*) filter (where is_mail and is_answered) as mails_answered,
        median(hours) filter (where is_answered) as answer_hours
    from contacts
    group by account_id, as_of
),

unanswered as (
    select
        account_id,
        as_of,
        count(*) as unanswered_contacts
    from followed
    where not is_theirs and answered_at is null
    group by account_id, as_of
)

-- a rate needs three contacts
select
    account_id,
    as_of,
    if(contacts >= 3, 100.0 * answered / contacts, null) as answer_rate_365d,
    if(recent_contacts >= 3, 100.0 * recent_answered / recent_contacts, null) as answer_rate_90d,
    if(
        recent_contacts >= 3 and contacts - recent_contacts >= 3,
        100.0 * recent_answered / recent_contacts
        - 100.0 * (answered - recent_answered) / (contacts - recent_contacts),
        null
    ) as answer_rate_trend,
    if(
        mails >= 3 and contacts - mails >= 3,
        100.0 * (answered - mails_answered) / (contacts - mails) - 100.0 * mails_answered / mails,
        null
    ) as talk_over_mail,
    answer_hours / 24.0 as answer_days,
    unanswered_contacts
from counted
full join unanswered using (account_id, as_of)
