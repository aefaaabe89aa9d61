-- Who lives and works in a municipality, by the newest edition that has each figure.
with

-- shares of one edition, so that both figures are of one time
figures as (
    select
        municipality_id,
        as_of,
        edition,
        population,
        100.0 * over_65 / nullif(population, 0) as over_65_share,
        100.0 * over_75 / nullif(population, 0) as over_75_share,
        100.0 * working_age / nullif(population, 0) as working_age_share,
        100.0 * under_15 / nullif(population, 0) as under_15_share,
        100.0 * foreigners / nullif(population, 0) as foreign_share,
        1000.0 * (moved_in - moved_out) / nullif(population, 0) as net_migration,
        1000.0 * (births - deaths) / nullif(population, 0) as natural_increase,
        1000.0 * births / nullif(population, 0) as birth_rate,
        100.0 * single_households / nullif(households, 0) as single_household_share,
        100.0 * employees / nullif(population, 0) as jobs_per_100,
        100.0 * employees_information / nullif(employees, 0) as information_share,
        100.0 * employees_manufacturing / nullif(employees, 0) as manufacturing_share,
        100.0 * workers_primary / nullif(workers, 0) as primary_share,
        1000.0 * staff / nullif(population, 0) as staff_per_1000
    from statistics
),

-- arg_max leaves out editions without the figure
newest as (
    select
        municipality_id,
        as_of,
        max(edition) filter (where population is not null) as edition,
        arg_max(population, edition) as population,
        arg_max(over_65_share, edition) as over_65_share,
        arg_max(over_75_share, edition) as over_75_share,
        arg_max(working_age_share, edition) as working_age_share,
        arg_max(under_15_share, edition) as under_15_share,
        arg_max(foreign_share, edition) as foreign_share,
        arg_max(net_migration, edition) as net_migration,
        arg_max(natural_increase, edition) as natural_increase,
        arg_max(birth_rate, edition) as birth_rate,
        arg_max(single_household_share, edition) as single_household_share,
        arg_max(jobs_per_100, edition) as jobs_per_100,
        arg_max(information_share, edition) as information_share,
        arg_max(manufacturing_share, edition) as manufacturing_share,
        arg_max(primary_share, edition) as primary_share,
        arg_max(staff_per_1000, edition) as staff_per_1000
    from figures
    group by municipality_id, as_of
),

-- a census is repeated in several editions: the one before is five editions older, or differs
earlier as (
    select
        newest.municipality_id,
        newest.as_of,
        coalesce(
            arg_max(figures.population, figures.edition)
                filter (where figures.edition <= newest.edition - 5),
            arg_min(figures.population, figures.edition)
                filter (where figures.population != newest.population)
        ) as population
    from newest
    inner join figures
        on
            newest.municipality_id = figures.municipality_id
            and newest.as_of = figures.as_of
            and newest.edition > figures.edition
    group by newest.municipality_id, newest.as_of
)

select
    spine.municipality_id,
    spine.as_of,
    municipalities.kind as municipality_kind,
    100.0 * (newest.population / nullif(earlier.population, 0) - 1) as population_growth,
    newest.over_65_share,
    newest.over_75_share,
    newest.working_age_share,
    newest.under_15_share,
    newest.foreign_share,
    newest.net_migration,
    newest.natural_increase,
    newest.birth_rate,
    newest.single_household_share,
    newest.jobs_per_100,
    newest.information_share,
    newest.manufacturing_share,
    newest.primary_share,
    newest.staff_per_1000
from spine
left join municipalities using (municipality_id, as_of)
left join newest using (municipality_id, as_of)
left join earlier using (municipality_id, as_of)
