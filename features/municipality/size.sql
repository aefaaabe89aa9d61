-- How large a municipality is, by the newest edition that has each figure.
with

-- arg_max leaves out editions without the figure; habitable land is given in hectares
newest as (
    select
        municipality_id,
        as_of,
        arg_max(population, edition) as population,
        arg_max(100.0 * population / nullif(habitable_area, 0), edition) as population_density
    from statistics
    group by municipality_id, as_of
)

select
    spine.municipality_id,
    spine.as_of,
    newest.population,
    newest.population_density
from spine
left join newest using (municipality_id, as_of)
