from __future__ import annotations

from dataclasses import replace

import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from salesml.report.municipal_map import PREFECTURES, prefecture_of, tile_map
from tests.report.municipalities import municipal_section
from tests.report.samples import section


def test_there_are_47_prefectures_each_in_a_place_of_its_own() -> None:
    assert len(PREFECTURES) == 47
    assert [p.code for p in PREFECTURES] == [f"{n:02d}" for n in range(1, 48)]
    for own in ("column", "row"):
        assert min(getattr(p, own) for p in PREFECTURES) == 1
    assert len({(p.column, p.row) for p in PREFECTURES}) == 47
    assert len({p.words.ja for p in PREFECTURES}) == len({p.words.en for p in PREFECTURES}) == 47
    ends = {PREFECTURES[n - 1].words.ja: PREFECTURES[n - 1] for n in (1, 13, 27, 40, 47)}
    assert list(ends) == ["北海道", "東京", "大阪", "福岡", "沖縄"]
    columns = [ends[name].column for name in ("沖縄", "福岡", "大阪", "東京", "北海道")]
    assert columns == sorted(columns)  # from the west to the east


def test_a_tile_counts_its_own_and_its_shade_follows_the_mean() -> None:
    found = tile_map(municipal_section())
    assert found is not None
    tiles = {tile.prefecture.words.ja: tile for tile in found.tiles}
    hokkaido, okinawa, nara = tiles["北海道"], tiles["沖縄"], tiles["奈良"]
    assert (hokkaido.scored, hokkaido.top, hokkaido.mean, hokkaido.shade) == (3, 2, 86, 5)
    assert (okinawa.scored, okinawa.top, okinawa.shade) == (3, 0, 1)
    assert (nara.scored, nara.top, nara.shade) == (0, 0, 0)
    assert (found.lowest, found.highest) == (okinawa.mean, 86)
    means = sorted((tile.mean, tile.shade) for tile in found.tiles if tile.scored)
    assert [shade for _, shade in means] == sorted(shade for _, shade in means)
    assert {shade for _, shade in means} == {1, 2, 3, 4, 5}


def test_equal_means_share_the_middle_shade() -> None:
    made = municipal_section(each=1)
    found = tile_map(replace(made, scores=made.scores.assign(score=50)))
    assert found is not None
    assert {tile.shade for tile in found.tiles if tile.scored} == {3}


def test_without_a_known_prefecture_there_is_no_map() -> None:
    assert tile_map(section()) is None
    made = municipal_section(each=1)
    assert tile_map(replace(made, scores=made.scores.head(0))) is None


@settings(max_examples=20, deadline=None)
@given(st.lists(st.sampled_from([p.code for p in PREFECTURES]), min_size=1, max_size=30))
def test_every_municipality_is_on_the_map(codes: list[str]) -> None:
    ids = pd.Series([f"{code}{n + 100:03d}" for n, code in enumerate(codes)])
    assert prefecture_of(ids).tolist() == codes
    made = municipal_section(each=1)
    scores = made.scores.head(1).loc[[0] * len(codes)].reset_index(drop=True)
    found = tile_map(replace(made, scores=scores.assign(municipality_id=ids)))
    assert found is not None
    assert sum(tile.scored for tile in found.tiles) == len(codes)
