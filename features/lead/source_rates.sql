-- How leads of the same source and campaign fared, as far as it was known at the time.
with

wins as (
    select
        as_of,
        lead_id,
        min(happened_at) as won_at
    from lead_wins
    group by as_of, lead_id
),

-- only leads whose 30 days were over; a younger one may still be won
judged as (
    select
        lead_arrivals.as_of,
        lead_arrivals.source,
        lead_arrivals.campaign,
        coalesce(wins.won_at < lead_arrivals.happened_at + interval 30 day, false) as is_won
    from lead_arrivals
    left join wins
        on
            lead_arrivals.as_of = wins.as_of
            and lead_arrivals.lead_id = wins.lead_id
    where cast(lead_arrivals.happened_at as date) <= lead_arrivals.as_of - 30
),

overall as (
    select
        as_of,
        avg(cast(is_won as integer)) as rate
    from judged
    group by as_of
),

-- 20 leads of the overall rate are added, so that a few leads do not make a rate
by_source as (
    select
        as_of,
        source,
        count(*) as leads,
        (count(*) filter (where is_won) + 20 * any_value(overall.rate)) / (count(*) + 20) as rate
    from judged
    inner join overall using (as_of)
    group by as_of, source
),

by_campaign as (
    select
        as_of,
        campaign,
        count(*) as leads,
        (count(*) filter (where is_won) + 20 * any_value(overall.rate)) / (count(*) + 20) as rate
    from judged
    inner join overall using (as_of)
    group by as_of, campaign
)

select
    leads.lead_id,
    leads.as_of,
    100.0 * by_source.rate as source_rate,
    by_source.rate / nullif(overall.rate, 0) as source_rate_ratio,
    by_source.leads as source_leads,
    100.0 * by_campaign.rate as campaign_rate,
    by_campaign.rate / nullif(overall.rate, 0) as campaign_rate_ratio,
    by_campaign.leads as campaign_leads
from leads
left join overall on leads.as_of = overall.as_of
left join by_source on leads.as_of = by_source.as_of and leads.source = by_source.source
left join by_campaign
    on leads.as_of = by_campaign.as_of and leads.campaign = by_campaign.campaign
