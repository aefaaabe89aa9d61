-- What was written down when the lead came in, and how old it is.
select
    lead_id,
    as_of,
    source as lead_source,
    campaign as lead_campaign,
    industry as lead_industry,
    employees as lead_employees,
    prefecture as lead_prefecture,
    job_title,
    case
        when job_title is null
            then null
        when regexp_matches(lower(job_title), '代表|社長|会長|役員|取締|president|chief|founder|^c.o$')
            then 3
        when regexp_matches(lower(job_title), '長|マネージャー|manager|head|director')
            then 2
        else 1
    end as job_rank,
    date_diff('day', cast(happened_at as date), as_of) as lead_age_days
from leads
