"""Which acknowledged attempts are looked at again, and what follows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from hypothesis import given
from hypothesis import strategies as st

from salesml.export.readback import Look, ReadBack, read_back

GOOD = {"score": True, "band": True}


class Crm:
    """Answers by attempt, all good unless told otherwise; remembers who asked for what."""

    def __init__(self, answer: Callable[[int], Mapping[str, bool] | None] = lambda _: GOOD) -> None:
        self.answer, self.asked = answer, list[int]()

    def look(self, numbers: Sequence[int]) -> Mapping[int, Mapping[str, bool]]:
        self.asked += numbers
        found = {number: self.answer(number) for number in numbers}
        return {number: fields for number, fields in found.items() if fields is not None}


def batches(total: int, size: int) -> list[list[int]]:
    return [list(range(start, min(start + size, total))) for start in range(0, total, size)]


def test_all_of_few_are_looked_at() -> None:
    crm = Crm()
    assert read_back(batches(50, 20), crm.look, "run") == ReadBack(kept=list(range(50)))
    assert crm.asked == list(range(50))


def test_a_sample_of_many_is_drawn_by_the_run() -> None:
    first, again, other = Crm(), Crm(), Crm()
    many = batches(10_000, 500)
    assert len(read_back(many, first.look, "run 1").kept) == 60
    read_back(many, again.look, "run 1")
    read_back(many, other.look, "run 2")
    assert first.asked == again.asked
    assert set(first.asked) != set(other.asked)
    assert len({number // 500 for number in first.asked}) > 15


def test_nothing_acknowledged_is_nothing_to_look_at() -> None:
    assert read_back([], Crm().look, "run") == ReadBack()


def test_a_batch_that_lost_something_is_looked_at_as_a_whole() -> None:
    def first_batch(number: int) -> Mapping[str, bool]:
        return {"score": number >= 500, "band": True}

    crm = Crm(first_batch)
    found = read_back(batches(10_000, 500), crm.look, "run")
    assert found.lost == {number: ["score"] for number in found.lost}
    assert sorted(found.lost) == list(range(500))
    assert found.dropped == []
    assert len(found.kept) == len(crm.asked) - 500
    assert len(crm.asked) == len(set(crm.asked)) < 600


def test_a_field_dropped_everywhere_is_told_and_widens_nothing() -> None:
    crm = Crm(lambda _: {"score": True, "band": False})
    found = read_back(batches(10_000, 500), crm.look, "run")
    assert found.dropped == ["band"]
    assert len(crm.asked) == len(found.lost) == 60


def test_one_witness_is_not_enough_to_call_a_field_dropped() -> None:
    def only_one(number: int) -> Mapping[str, bool]:
        return {"score": True, **({"note": False} if number == 7 else {})}

    found = read_back(batches(20, 5), Crm(only_one).look, "run")
    assert found.dropped == []
    assert found.lost == {7: ["note"]}


def test_records_that_are_gone_are_neither_kept_nor_lost() -> None:
    found = read_back([[1, 2, 3]], Crm(lambda n: None if n == 2 else GOOD).look, "run")
    assert found == ReadBack(kept=[1, 3])


def test_looking_further_ends_somewhere() -> None:
    crm = Crm(lambda n: {"score": n % 2 == 0})
    read_back(batches(200_000, 5_000), crm.look, "run")
    assert len(crm.asked) <= 250 + 20_000
    large = Crm(lambda n: {"score": n % 2 == 0})
    read_back(batches(200_000, 50_000), large.look, "run")
    assert 50_000 <= len(large.asked) <= 250 + 50_000


@given(
    st.lists(st.integers(1, 40), max_size=12),
    st.sets(st.integers(0, 300)),
    st.sets(st.sampled_from("abc")),
)
def test_what_was_looked_at_is_told_and_nothing_else(
    sizes: list[int], bad: set[int], everywhere: set[str]
) -> None:
    total = sum(sizes)
    starts = [sum(sizes[:i]) for i in range(len(sizes))]
    parts = [list(range(start, start + size)) for start, size in zip(starts, sizes, strict=True)]

    def answer(number: int) -> Mapping[str, bool]:
        return {f: f not in everywhere and (f != "a" or number not in bad) for f in "abc"}

    crm = Crm(answer)
    look: Look = crm.look
    found = read_back(parts, look, "run")
    assert sorted([*found.kept, *found.lost]) == sorted(crm.asked)
    assert len(set(crm.asked)) == len(crm.asked) <= total
    assert all(
        found.lost[n] == [f for f, kept in answer(n).items() if not kept] for n in found.lost
    )
    if total > 1:
        assert everywhere <= set(found.dropped)
