-- Where a mayor and an assembly are in their four years.
with

newest as (
    select
        municipality_id,
        as_of,
        office,
        max(held_on) as held_on,
        arg_max_null(newcomer_share, held_on) as newcomer_share,
        arg_max_null(contested, held_on) as contested
    from elections
    group by municipality_id, as_of, office
),

terms as (
    select
        municipality_id,
        as_of,
        office,
        newcomer_share >= 0.5 as is_new,
        contested,
        date_sub('month', held_on, as_of) as months_since,
        greatest(date_sub('month', as_of, cast(held_on + interval 48 month as date)), 0)
            as months_to
    from newest
    -- the next election comes some days before or after; past that there was one we do not know
    where as_of <= held_on + interval 49 month
)

select
    municipality_id,
    as_of,
    any_value(months_since) filter (where office = 'mayor') as months_since_mayor_election,
    any_value(months_to) filter (where office = 'mayor') as months_to_mayor_election,
    any_value(is_new) filter (where office = 'mayor') as mayor_is_new,
    any_value(contested) filter (where office = 'mayor') as mayor_contested,
    any_value(months_to) filter (where office = 'assembly') as months_to_assembly_election
from terms
group by municipality_id, as_of
