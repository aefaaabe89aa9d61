"""The invented municipalities: codes, published files, contacts, and a truth that adds up."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from salesml import api
from salesml.municipal.codes import PREFECTURES, check_digit
from salesml.sample.calendar import Array, stream
from salesml.sample.municipal import Municipal, make_municipal, write_published
from salesml.sample.municipal.figures import make_figures
from salesml.sample.municipal.places import KINDS, make_places
from salesml.sample.municipal.politics import eligible, make_elections, new_mayors
from salesml.sample.municipal.ssdse import EDITIONS
from salesml.sample.municipal.world import QUARTERS, Setting, State, advance, live, make_setting
from salesml.sample.reps import make_reps

REPOSITORY = Path(__file__).resolve().parents[1]
FEWEST = 60  # municipalities of a small sample


def made(accounts: int, seed: int = 0) -> Municipal:
    return make_municipal(accounts, make_reps(accounts, seed), seed)


@pytest.fixture(scope="module")
def small() -> Municipal:
    return made(20)


@pytest.fixture(scope="module")
def usual() -> Municipal:
    return made(300)


@pytest.fixture(scope="module")
def published(small: Municipal, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("files") / "published"
    write_published(folder, small.published)
    return folder


@pytest.fixture(scope="module")
def setting() -> Setting:
    places = make_places(FEWEST, 3)
    figures = make_figures(places, 3)
    mayors = new_mayors(make_elections(places, 3), len(places))
    return make_setting(places, figures, mayors, eligible(places, figures), 3)


# --- places ------------------------------------------------------------------------------------


def test_codes_are_none_of_real_municipalities(usual: Municipal) -> None:
    places = usual.published.places
    assert len(places) == 420
    assert places["municipality_id"].is_unique
    assert places["name"].is_unique
    assert places["municipality_id"].str[2:].astype(int).between(801, 899).all()
    assert (places["municipality_id"].str[:2].map(PREFECTURES) == places["prefecture"]).all()
    assert (places["code"].str[5] == places["municipality_id"].map(check_digit)).all()
    assert set(places["prefecture"]) == set(PREFECTURES.values())


def test_kinds_say_how_large_a_municipality_is(usual: Municipal) -> None:
    places = usual.published.places
    middle = places.groupby("kind")["population"].median()
    assert list(middle.sort_values(ascending=False).index) == list(KINDS)
    for kind, (_, (ending, _), _, _, (fewest, most)) in KINDS.items():
        own = places[places["kind"] == kind]
        assert own["population"].between(fewest, most).all()
        assert own["name"].str.endswith(ending).all()
    assert places["latitude"].between(24, 46).all()
    assert places["longitude"].between(122, 147).all()


# --- published files ---------------------------------------------------------------------------


def test_equal_seeds_give_equal_files_and_others_do_not(published: Path, tmp_path: Path) -> None:
    for seed in (0, 1):
        write_published(tmp_path / str(seed), made(20, seed).published)
    for path in published.iterdir():
        content = path.read_bytes()
        assert content == (tmp_path / "0" / path.name).read_bytes()
        assert content != (tmp_path / "1" / path.name).read_bytes()


def test_files_are_in_the_layouts_of_the_real_ones(published: Path) -> None:
    edition = (published / "SSDSE-A-2023.csv").read_bytes().decode("cp932").splitlines()
    assert edition[0].startswith("SSDSE-A-2023,Prefecture,Municipality,A1101,")
    assert edition[1].startswith(",,年度,2020,")
    assert edition[2].startswith("地域コード,都道府県,市区町村,総人口,")
    assert "D1202" in edition[0]
    assert "D1202" not in (published / "SSDSE-A-2022.csv").read_bytes().decode("cp932")
    fiscal = (published / "city_R3_FY2021.csv").read_text(encoding="utf-8").splitlines()
    assert fiscal[0].startswith("全市町村の主要財政指標（令和３年度）,")
    assert fiscal[-1].startswith("全国市町村平均,,,")
    cards = (published / "all_localgovs_20230101.csv").read_bytes().decode("utf-8-sig")
    assert cards.splitlines()[0].startswith("算出基準日,都道府県名,市区町村名,")
    assert "郡" in cards


def test_the_import_reads_every_file_and_joins_every_row(published: Path, tmp_path: Path) -> None:
    shutil.copytree(REPOSITORY / "configs" / "sample", tmp_path / "configs" / "sample")
    report = api.municipal_import("sample", published, root=tmp_path)
    assert report.problems == []
    assert len(report.files) == len(list(published.iterdir()))
    unjoined = {each.written for file in report.files for each in file.unjoined}
    assert unjoined <= {"全国市町村平均"}
    assert report.rows["statistics"] == FEWEST * len(EDITIONS)
    towns = pd.read_parquet(tmp_path / "var" / "sample" / "municipal" / "municipalities.parquet")
    towns = towns[towns["kind"] != "prefecture"]
    assert len(towns) == FEWEST
    assert towns.notna().all(axis=None)
    assert 0 < report.rows["eligibility"] < FEWEST * 28


def test_speeches_tell_of_the_interest_behind_them(usual: Municipal) -> None:
    documents = usual.published.documents
    assert documents["text"].str.len().between(200, 600).all()
    assert set(documents["kind"]) == {"speech", "plan"}
    assert documents["document_id"].is_unique
    told = documents["text"].str.count("オンライン|デジタル|DX|電子申請|書かない窓口|生成AI|データ")
    year = documents["published_on"].dt.year
    adopted = usual.truth["municipal"]
    adopted = adopted[adopted["month"].dt.month == 4]
    chance = adopted.set_index(["municipality_id", adopted["month"].dt.year])["probability_365d"]
    both = chance.reindex(pd.MultiIndex.from_arrays([documents["municipality_id"], year]))
    known = both.notna().to_numpy()
    assert np.corrcoef(told[known], np.log(both[known]))[0, 1] > 0.25


# --- the CRM -----------------------------------------------------------------------------------


def test_contacts_are_made_with_people_of_the_same_town_hall(usual: Municipal) -> None:
    people, made_ = usual.crm["municipal_contacts"], usual.crm["municipal_activities"]
    both = made_.merge(people, on="contact_id", suffixes=("", "_of"))
    assert len(both) > 0.9 * len(made_)
    assert (both["municipality_id"] == both["municipality_id_of"]).all()
    assert (people["since"] <= people["created_at"]).all()
    assert (people["updated_at"] >= people["created_at"]).all()
    there = people[people["left_on"].isna()]
    assert not there.duplicated(["municipality_id", "department"]).any()
    assert set(people["since"].dt.strftime("%m-%d")) == {"04-01"}


def test_a_town_hall_adopts_once_when_its_assembly_sits(usual: Municipal) -> None:
    adoptions = usual.crm["municipal_adoptions"]
    assert 150 <= len(adoptions) <= 210
    assert adoptions["municipality_id"].is_unique
    months = adoptions["decided_on"].dt.month.value_counts()
    assert set(months.index) == {3, 6, 9, 12}
    assert months[3] > 0.4 * len(adoptions)
    assert (adoptions["logged_at"] > adoptions["decided_on"]).all()


# --- truth -------------------------------------------------------------------------------------


def test_the_truth_is_that_of_the_crm(usual: Municipal) -> None:
    truth = usual.truth["municipal"]
    adopted = usual.crm["municipal_adoptions"].set_index("municipality_id")["decided_on"]
    day = truth["municipality_id"].map(adopted)
    assert not (day < truth["month"]).any()
    known = truth[truth["month"] <= "2025-06-01"]
    came = (known["municipality_id"].map(adopted) - known["month"]).dt.days < 365
    assert (came == known["adopted_365d"].astype(bool)).all()
    assert 0.75 < roc_auc_score(truth["adopted_365d"], truth["probability_365d"]) < 0.9


def test_the_probability_agrees_with_simulated_years(setting: Setting) -> None:
    """One minus the chance of never adopting, against counting 2,000 futures of one quarter."""
    history, quarter, copies = live(setting, 3), 12, 2_000
    names = State.__dataclass_fields__
    many = {name: np.repeat(getattr(history.states[quarter], name), copies, 0) for name in names}
    rng, state = stream(3, "test"), State(**many)
    for ahead in range(quarter, quarter + 4):
        state = advance(rng, setting, state, ahead)
    yet = ~history.states[quarter].adopted[0]
    counted, chance = state.adopted.mean(axis=0)[yet], history.truth[quarter][yet]
    # the truth itself averages over 64 futures
    spread = np.sqrt(chance * (1 - chance) * (1 / copies + 1 / 400)) + 0.002
    assert (np.abs(counted - chance) < 4 * spread).all()
    assert abs((counted - chance).mean()) < 0.006


def test_peers_and_interest_raise_the_chance(setting: Setting) -> None:
    state = live(setting, 3).states[8]
    half = state.adopted | (np.arange(FEWEST)[None, :] % 2 == 0)
    usual = chance(setting, state)
    assert chance(setting, replace(state, interest=state.interest + 1))[~half].mean() > (
        1.5 * usual[~half].mean()
    )
    assert chance(setting, replace(state, adopted=half))[~half].mean() > 1.3 * usual[~half].mean()


def chance(setting: Setting, state: State) -> Array:
    """How often each town hall has adopted after a March session, of 300 that began alike."""
    many = {n: np.repeat(getattr(state, n), 300, axis=0) for n in State.__dataclass_fields__}
    after = advance(stream(1, "test"), setting, State(**many), 11)
    return np.asarray(after.adopted.mean(axis=0)[None, :])


def test_nobody_leaves_the_adopters(setting: Setting) -> None:
    history = live(setting, 3)
    adopted = history.stack("adopted")
    assert (adopted[1:] >= adopted[:-1]).all()
    assert len(history.truth) == QUARTERS - 3
    assert ((history.adopted_in < QUARTERS) == adopted[-1]).all()
