-- How far it has spread in the prefecture and the class, and how fast: what the others have, the next one
-- asks for, and prefectures roll out together.
with

sizes as (
    select
        as_of,
        municipality_id,
        arg_max(population, edition) as population
    from all_statistics
    where population > 0
    group by as_of, municipality_id
),

adopters as (
    select
        as_of,
        municipality_id,
        min(happened_at) as adopted_at
    from adoptions
    group by as_of, municipality_id
),

-- is_new: within the last year; was_open: had not adopted a year ago
towns as (
    select
        all_municipalities.as_of,
        all_municipalities.municipality_id,
        all_municipalities.prefecture_id,
        all_municipalities.class,
        ln(sizes.population) as size,
        cast(adopters.adopted_at is not null as integer) as has_it,
        cast(
            coalesce(adopters.adopted_at >= all_municipalities.as_of - interval 1 year, false)
            as integer
        ) as is_new,
        cast(
            coalesce(adopters.adopted_at >= all_municipalities.as_of - interval 1 year, true)
            as integer
        ) as was_open
    from all_municipalities
    left join sizes using (as_of, municipality_id)
    left join adopters using (as_of, municipality_id)
    where all_municipalities.kind <> 'prefecture'
),

-- shares are told beside that of the country, which grows from year to year
country as (
    select
        as_of,
        avg(has_it) as share
    from towns
    group by as_of
),

own as (
    select towns.*
    from towns
    semi join municipalities using (as_of, municipality_id)
),

-- the others of the prefecture; those of another size count less: at e times the people, 37 %
prefecture as (
    select
        own.as_of,
        own.municipality_id,
        avg(other.has_it) as share,
        sum(other.is_new) / nullif(sum(other.was_open), 0) as speed,
        sum(exp(-abs(own.size - other.size)) * other.has_it)
        / (sum(exp(-abs(own.size - other.size))) + 0.3) as alike_share,
        sum(exp(-abs(own.size - other.size)) * other.is_new)
        / (sum(exp(-abs(own.size - other.size)) * other.was_open) + 0.3) as alike_speed,
        count(*) filter (where other.size > own.size and other.has_it = 0) + 1 as place
    from own
    inner join towns as other
        on
            own.as_of = other.as_of
            and own.prefecture_id = other.prefecture_id
            and own.municipality_id <> other.municipality_id
    group by own.as_of, own.municipality_id
),

classes as (
    select
        as_of,
        class,
        sum(has_it) as adopters,
        count(*) as members
    from towns
    where class is not null
    group by as_of, class
)

select
    own.municipality_id,
    own.as_of,
    100.0 * (prefecture.share - country.share) as adoption_prefecture,
    100.0 * prefecture.speed as adoption_prefecture_speed,
    100.0 * (prefecture.alike_share - country.share) as adoption_prefecture_alike,
    100.0 * prefecture.alike_speed as adoption_prefecture_alike_speed,
    prefecture.place as next_in_prefecture,
    100.0
    * ((classes.adopters - own.has_it) / nullif(classes.members - 1, 0) - country.share)
    as adoption_class
from own
left join country on own.as_of = country.as_of
left join prefecture
    on own.as_of = prefecture.as_of and own.municipality_id = prefecture.municipality_id
left join classes on own.as_of = classes.as_of and own.class = classes.class
