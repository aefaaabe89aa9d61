-- How far it has spread among the municipalities most alike and the nearest ones.
with

adopters as (
    select
        as_of,
        municipality_id,
        min(happened_at) as adopted_at
    from adoptions
    group by as_of, municipality_id
),

-- shares are told beside that of the country, which grows from year to year
country as (
    select
        all_municipalities.as_of,
        count(adopters.adopted_at) / count(*) as share
    from all_municipalities
    left join adopters using (as_of, municipality_id)
    where all_municipalities.kind <> 'prefecture'
    group by all_municipalities.as_of
),

alike as (
    select
        peers.as_of,
        peers.municipality_id,
        count(adopters.adopted_at) / count(*) as share,
        count(*) filter (where adopters.adopted_at >= peers.as_of - interval 1 year) / count(*) as news
    from peers
    left join adopters on peers.as_of = adopters.as_of and peers.peer_id = adopters.municipality_id
    group by peers.as_of, peers.municipality_id
),

near as (
    select
        neighbours.as_of,
        neighbours.municipality_id,
        count(adopters.adopted_at) / count(*) as share,
        count(*) filter (where adopters.adopted_at >= neighbours.as_of - interval 1 year) / count(*) as news,
        min(neighbours.kilometres) filter (where adopters.adopted_at is not null) as kilometres
    from neighbours
    left join adopters
        on
            neighbours.as_of = adopters.as_of
            and neighbours.neighbour_id = adopters.municipality_id
    group by neighbours.as_of, neighbours.municipality_id
)

select
    spine.municipality_id,
    spine.as_of,
    100.0 * (alike.share - country.share) as adoption_peers,
    100.0 * alike.news as adoption_peers_new,
    100.0 * (near.share - country.share) as adoption_neighbours,
    100.0 * near.news as adoption_neighbours_new,
    near.kilometres as nearest_adopter
from spine
left join country using (as_of)
left join alike using (municipality_id, as_of)
left join near using (municipality_id, as_of)
