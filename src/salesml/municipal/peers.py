"""Which municipalities are alike, and which lie near: tables that look across all of them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from sklearn.neighbors import NearestNeighbors

from salesml.municipal.likeness import PeersConfig
from salesml.municipal.settings import MunicipalConfig

__all__ = ["neighbours", "peers", "standardised", "traits_of"]

Tables = Mapping[str, pd.DataFrame]

_EARTH_RADIUS = 6371.0  # kilometres
_ID = "municipality_id"
_PEERS = (_ID, "peer_id", "rank", "similarity", "known_at")
_NEIGHBOURS = (_ID, "neighbour_id", "kilometres", "known_at")
_SECTORS = ("primary", "secondary", "tertiary")
_YEARS = 5  # over which growth is measured


def peers(tables: Tables, settings: MunicipalConfig) -> pd.DataFrame:
    """The municipalities most like each one, anew whenever an edition of statistics came out.

    Returns ``municipality_id, peer_id, rank`` (from 1), ``similarity`` (1 for equal ones, 0.5 at a
    distance of one) and ``known_at``. An edition's rows rest on what was known by its date.
    """
    if "statistics" not in tables:
        return pd.DataFrame(columns=_PEERS)
    dates = sorted(tables["statistics"]["known_at"].unique())
    parts = [_alike(tables, settings.peers, pd.Timestamp(date)) for date in dates]
    return pd.concat(parts, ignore_index=True)


def traits_of(tables: Tables, settings: PeersConfig, known_until: pd.Timestamp) -> pd.DataFrame:
    """The traits of each municipality by the newest figures known; null where one is not known.

    Index ``municipality_id``, columns as in ``settings.traits``, in their own units (shares 0..1).
    """
    figures = _newest(tables["statistics"], "edition", known_until)
    if "finance" in tables:
        money = _newest(tables["finance"], "fiscal_year", known_until)
        # copied, so that the columns that are left lie together again
        figures = figures.drop(columns=money.columns, errors="ignore").copy().join(money)
    workers = figures.reindex(columns=[f"workers_{name}" for name in _SECTORS]).astype("float64")
    shares = workers.div(workers.sum(axis="columns").where(lambda total: total > 0), axis="index")
    known = {
        "population": figures["population"],
        "density": figures["population"] / figures["habitable_area"],
        "ageing": figures["over_65"] / figures["population"],
        "growth": _growth(tables["statistics"], known_until),
        **{name: shares[f"workers_{name}"] for name in _SECTORS},
    }
    traits = figures.assign(**known).reindex(columns=list(settings.traits)).astype("float64")
    return traits.replace([np.inf, -np.inf], np.nan)


def _newest(table: pd.DataFrame, order: str, until: pd.Timestamp) -> pd.DataFrame:
    """The newest value known of each column, by municipality."""
    rows = table[table["known_at"] <= until].sort_values(order)
    return rows.drop(columns=[order, "known_at"]).groupby(_ID).last()


def _growth(statistics: pd.DataFrame, until: pd.Timestamp) -> pd.Series:
    """Population over that of some editions before."""
    known = statistics[statistics["known_at"] <= until]
    counts = known.pivot_table(index=_ID, columns="edition", values="population")
    if counts.empty:
        return pd.Series(dtype="float64")
    before = counts.columns[max(0, len(counts.columns) - 1 - _YEARS)]
    return counts.iloc[:, -1] / counts[before] - 1


def standardised(traits: pd.DataFrame, settings: PeersConfig) -> pd.DataFrame:
    """*traits* in standard deviations from the middle; 0 where one is not known."""
    logs = [name for name, trait in settings.traits.items() if trait.scale == "log"]
    scaled = traits.assign(**{name: np.log(traits[name].where(traits[name] > 0)) for name in logs})
    spread = scaled.std(ddof=0).replace(0, 1)
    return ((scaled - scaled.median()) / spread).fillna(0)


def _alike(tables: Tables, settings: PeersConfig, date: pd.Timestamp) -> pd.DataFrame:
    places = standardised(traits_of(tables, settings, date), settings)
    if len(places) < 2:
        return pd.DataFrame(columns=_PEERS)
    weights = [trait.weight for trait in settings.traits.values()]
    points = np.column_stack([places.to_numpy() * weights, _classes(tables, settings, places)])
    found = _nearest(points, settings.count, metric="euclidean")
    return _pairs(places.index, *found, date).assign(
        rank=lambda rows: rows.groupby(_ID).cumcount() + 1,
        similarity=lambda rows: 1 / (1 + rows.pop("distance")),
    )[list(_PEERS)]


def _classes(tables: Tables, settings: PeersConfig, places: pd.DataFrame) -> np.ndarray:
    """Coordinates in which two of different class lie ``other_class`` apart, two of one do not."""
    register = tables.get("municipalities")
    if register is None:
        return np.empty((len(places), 0))
    classes = register.set_index(_ID)["class"].reindex(places.index)
    own = pd.get_dummies(classes).to_numpy(dtype=np.float64)
    return np.asarray(own * settings.other_class / np.sqrt(2))


def neighbours(tables: Tables, settings: MunicipalConfig) -> pd.DataFrame:
    """The municipalities nearest to each one, by the coordinates of their halls.

    Returns ``municipality_id, neighbour_id, kilometres, known_at``, the nearest first.
    """
    register = tables.get("municipalities")
    if register is None:
        return pd.DataFrame(columns=_NEIGHBOURS)
    own = register[register["kind"] != "prefecture"].dropna(subset=["latitude", "longitude"])
    if len(own) < 2:
        return pd.DataFrame(columns=_NEIGHBOURS)
    radians = np.radians(own[["latitude", "longitude"]].to_numpy(dtype=np.float64))
    found = _nearest(radians, settings.peers.neighbours, metric="haversine")
    rows = _pairs(pd.Index(own[_ID]), *found, own["known_at"].iloc[0])
    return rows.assign(kilometres=rows.pop("distance") * _EARTH_RADIUS).rename(
        columns={"peer_id": "neighbour_id"}
    )[list(_NEIGHBOURS)]


def _nearest(points: np.ndarray, count: int, metric: str) -> tuple[np.ndarray, np.ndarray]:
    """Distances and row numbers of the *count* points nearest to each one but itself."""
    many = min(count, len(points) - 1)
    distance, other = NearestNeighbors(n_neighbors=many, metric=metric).fit(points).kneighbors()
    return distance, other


def _pairs(
    ids: pd.Index, distance: np.ndarray, other: np.ndarray, known_at: pd.Timestamp
) -> pd.DataFrame:
    names = ids.to_numpy()
    return pd.DataFrame(
        {
            _ID: np.repeat(names, other.shape[1]),
            "peer_id": names[other.ravel()],
            "distance": distance.ravel(),
            "known_at": known_at,
        }
    )
