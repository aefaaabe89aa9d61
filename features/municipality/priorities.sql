-- What a municipality speaks of: themes in its policy speeches and minutes, this year and before.
with

spoken as (
    select
        municipality_id,
        as_of,
        theme,
        bool_or(of_solution) as of_solution,
        100.0 * avg(share) filter (where published_on >= as_of - 365) as share,
        100.0 * avg(share) filter (where published_on < as_of - 365) as share_before
    from priorities
    where kind in ('speech', 'minutes')
    group by municipality_id, as_of, theme
),

ranked as (
    select
        *,
        row_number() over (
            partition by municipality_id, as_of
            order by share desc, theme
        ) as place,
        rank() over (
            partition by municipality_id, as_of
            order by share desc
        ) as rank_of_share
    from spoken
    where share is not null
)

select
    municipality_id,
    as_of,
    max(share) filter (where of_solution) as solution_theme_share,
    max(share_before) filter (where of_solution) as solution_theme_share_before,
    max(share - share_before) filter (where of_solution) as solution_theme_change,
    max(rank_of_share) filter (where of_solution) as solution_theme_rank,
    max(theme) filter (where place = 1 and share > 0) as main_theme
from ranked
group by municipality_id, as_of
