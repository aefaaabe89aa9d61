-- The health score: points that a rubric gives for use, contact, outcome and contract.
with

used as (
    select
        account_id,
        as_of,
        sum(deliveries) as deliveries,
        count(distinct cast(happened_at as date)) filter (where logins > 0) as login_days
    from usage
    where cast(happened_at as date) between as_of - 30 and as_of - 1
    group by account_id, as_of
),

touched as (
    select
        account_id,
        as_of,
        min(date_diff('day', cast(happened_at as date), as_of)) as days_since_contact,
        count(*) filter (
            where channel in ('meeting', 'visit') and cast(happened_at as date) >= as_of - 90
        ) as meetings
    from activities
    where
        -- opening a mail and reading a page are reactions, not contacts
        channel in ('mail', 'phone', 'visit', 'meeting', 'event')
        and coalesce(kind, '') not in ('mail_open', 'mail_click')
        and cast(happened_at as date) < as_of
    group by account_id, as_of
),

-- the last three months that are over, of all accounts
pipelines as (
    select
        account_id,
        as_of,
        coalesce(any_value(industry), '') as industry,
        sum(applied) as applied,
        sum(opportunities) as opportunities
    from pipeline_results
    where
        month >= date_trunc('month', as_of) - interval 3 month
        and month < date_trunc('month', as_of)
    group by account_id, as_of
),

industries as (
    select
        as_of,
        industry,
        sum(opportunities) / nullif(sum(applied), 0) as rate
    from pipelines
    group by as_of, industry
),

outcomes as (
    select
        pipelines.account_id,
        pipelines.as_of,
        100.0 * pipelines.opportunities / nullif(pipelines.applied, 0) as pipeline_conversion,
        100.0 * pipelines.opportunities / nullif(pipelines.applied, 0)
        / nullif(industries.rate, 0) as conversion_vs_industry
    from pipelines
    left join industries
        on pipelines.as_of = industries.as_of and pipelines.industry = industries.industry
),

-- the newest event of a contract says what holds; where it leaves the renewal date blank, it stays
contracts as (
    select
        account_id,
        as_of,
        arg_max(kind, (happened_at, event_id)) as kind,
        arg_max(renewal_on, (happened_at, event_id)) as renewal_on
    from contract_events
    where cast(happened_at as date) < as_of
    group by account_id, as_of, contract_id
),

-- months begun until the renewal: 3 on the day three months before it, 4 the day before that
renewals as (
    select
        account_id,
        as_of,
        case
            when min(renewal_on) > as_of then date_sub('month', as_of, min(renewal_on) - 1) + 1
            when min(renewal_on) <= as_of then 0
        end as months_to_renewal
    from contracts
    where kind <> 'cancelled'
    group by account_id, as_of
),

measured as (
    select
        spine.account_id,
        spine.as_of,
        unnest([
            'deliveries', 'login_days', 'days_since_contact', 'meetings',
            'conversion_vs_industry', 'months_to_renewal'
        ]) as measure,
        unnest([
            coalesce(used.deliveries, 0), coalesce(used.login_days, 0),
            touched.days_since_contact, coalesce(touched.meetings, 0),
            outcomes.conversion_vs_industry, renewals.months_to_renewal
        ]) as value
    from spine
    left join used using (account_id, as_of)
    left join touched using (account_id, as_of)
    left join outcomes using (account_id, as_of)
    left join renewals using (account_id, as_of)
),

-- the highest step that a value reaches; a step without a number is for what is unknown
steps as (
    select
        measured.account_id,
        measured.as_of,
        health_rubric.category,
        arg_max(health_rubric.points, coalesce(health_rubric.at_least, 0)) as points
    from measured
    inner join health_rubric
        on
            measured.as_of = health_rubric.as_of
            and measured.measure = health_rubric.measure
            and (
                measured.value >= health_rubric.at_least
                or (measured.value is null and health_rubric.at_least is null)
            )
    group by measured.account_id, measured.as_of, health_rubric.category, measured.measure
),

scores as (
    select
        account_id,
        as_of,
        sum(points) as health_score,
        sum(points) filter (where category = 'usage') as usage_points,
        sum(points) filter (where category = 'engagement') as engagement_points,
        sum(points) filter (where category = 'outcome') as outcome_points,
        sum(points) filter (where category = 'contract') as contract_points
    from steps
    group by account_id, as_of
),

bands as (
    select
        scores.account_id,
        scores.as_of,
        arg_max(health_bands.band, health_bands.at_least) as health_band
    from scores
    inner join health_bands
        on scores.as_of = health_bands.as_of and scores.health_score >= health_bands.at_least
    group by scores.account_id, scores.as_of
)

select
    scores.account_id,
    scores.as_of,
    scores.health_score,
    bands.health_band,
    scores.usage_points,
    scores.engagement_points,
    scores.outcome_points,
    scores.contract_points,
    outcomes.pipeline_conversion,
    outcomes.conversion_vs_industry
from scores
left join bands using (account_id, as_of)
left join outcomes using (account_id, as_of)
