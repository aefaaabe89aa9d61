"""What the vendor's CRM holds of town halls: leads, persons known, contacts made, adoptions."""

from __future__ import annotations

import numpy as np
import pandas as pd

from salesml.sample import names
from salesml.sample.calendar import CLOSED_SECOND, Array, at_office, logged, on_working_days, stream
from salesml.sample.municipal.world import FIRST_QUARTER, QUARTERS, History
from salesml.sample.reps import assign

__all__ = ["SOLUTION", "adoption_days", "municipal_tables"]

SOLUTION = "online_counter"
_RECORDS_SINCE = np.datetime64("2019-04-01")
_SESSION_DAYS = (15, 12)  # sessions vote from the 15th on, within twelve days
_DEPARTMENTS = {
    "情報政策課": 0.34,
    "総務課": 0.22,
    "企画政策課": 0.18,
    "市民窓口課": 0.16,
    "財政課": 0.10,
}
_LEVELS = {"担当者": 0.42, "係長": 0.26, "課長": 0.22, "部長": 0.08, "首長": 0.02}
# kind: (channel, share)
_KINDS = {
    "mail_sent": ("mail", 0.34),
    "reply": ("mail", 0.12),
    "call": ("phone", 0.28),
    "meeting": ("meeting", 0.14),
    "visit": ("visit", 0.09),
    "demo": ("meeting", 0.03),
}


def adoption_days(adopted_in: Array, seed: int) -> Array:
    """Return the day of each adoption: when the assembly votes; NaT for none."""
    rng = stream(seed, "municipal adoption days")
    first, within = _SESSION_DAYS
    drawn = rng.integers(0, within, len(adopted_in))
    months = FIRST_QUARTER + 3 * adopted_in + 2
    days = months.astype("datetime64[D]") + first - 1 + drawn
    return np.where(adopted_in < QUARTERS, days, np.datetime64("NaT"))


def municipal_tables(
    places: pd.DataFrame, history: History, days: Array, reps: pd.DataFrame, seed: int
) -> dict[str, pd.DataFrame]:
    """Return the tables of the CRM; *days* are as of `adoption_days`."""
    leads = _leads(places, reps, seed)
    people = _contacts(places, history, seed)
    return {
        "municipal_leads": leads,
        "municipal_contacts": people,
        "municipal_activities": _activities(leads, people, history, seed),
        "municipal_adoptions": _adoptions(leads, days, seed),
    }


def _leads(places: pd.DataFrame, reps: pd.DataFrame, seed: int) -> pd.DataFrame:
    rng = stream(seed, "municipal leads")
    count = len(places)
    owner, _ = assign(rng, reps, "FS", count)
    usual = 2.4e6 * (places["population"].to_numpy() / 25_000) ** 0.55
    amount = usual * np.exp(rng.normal(0, 0.2, count))
    created = at_office(rng, on_working_days(rng, np.repeat(_RECORDS_SINCE, count)))
    return pd.DataFrame(
        {
            "municipality_id": places["municipality_id"],
            "name": places["prefecture"] + places["name"],
            "owner_id": owner,
            "expected_amount": (amount / 1e4).round().astype(int) * 10_000,
            "created_at": created,
            "updated_at": created,
        }
    )


def _seats(history: History) -> pd.DataFrame:
    """Return who sat where: ``place``, ``seat``, the quarters ``begun`` and ``until``.

    The first seat is the contact person's, who moves on 1 April as the truth has it; the others
    stand for further departments and last as long as these are known.
    """
    departments, moved = history.stack("departments"), history.stack("moved")
    rows = [
        (place, seat, *term)
        for place in range(departments.shape[1])
        for seat in range(departments[:, place].max())
        for term in _terms(departments[:, place] > seat, moved[:, place] & (seat == 0))
    ]
    return pd.DataFrame(rows, columns=["place", "seat", "begun", "until"])


def _terms(filled: Array, moved: Array) -> list[tuple[int, int]]:
    """Return the first and the following quarter of each person in one seat."""
    quarter = np.arange(len(filled))
    starts = filled & (~np.append(False, filled[:-1]) | (moved & (quarter % 4 == 0)))
    ends = np.append(starts | ~filled, True)
    return [(int(s), int(s + 1 + ends[s + 1 :].argmax())) for s in np.flatnonzero(starts)]


def _contacts(places: pd.DataFrame, history: History, seed: int) -> pd.DataFrame:
    """Return a record a person, made some weeks after they were met or came to their post."""
    rng = stream(seed, "municipal contacts")
    seats = _seats(history)
    seats = seats[_starts(seats["until"]) > _RECORDS_SINCE].reset_index(drop=True)
    count, begun = len(seats), _starts(seats["begun"])
    new = (seats["seat"] == 0) & (seats["begun"] % 4 == 0) & (seats["begun"] > 0)
    years = np.where(new, 0, rng.integers(1, 4, count)).astype("timedelta64[Y]")
    april = (begun.astype("datetime64[M]") - 3).astype("datetime64[Y]").astype("datetime64[M]") + 3
    met = np.maximum(begun, _RECORDS_SINCE) + rng.integers(0, 35, count)
    left = _starts(seats["until"])
    frame = seats.assign(
        municipality_id=places["municipality_id"].to_numpy(object)[seats["place"]],
        name=names.people(rng, count),
        department=_departments(rng, len(places))[seats["place"], seats["seat"]],
        level=names.pick(rng, _LEVELS, count),
        since=(april.astype("datetime64[Y]") - years).astype("datetime64[M]") + 3,
        created_at=at_office(rng, on_working_days(rng, met)),
        left_on=np.where(left <= CLOSED_SECOND, left, np.datetime64("NaT")),
    )
    return _known(rng, frame)


def _starts(quarters: pd.Series) -> Array:
    """Return the first day of each quarter."""
    return np.asarray((FIRST_QUARTER + 3 * quarters.to_numpy()).astype("datetime64[D]"))


def _departments(rng: np.random.Generator, count: int) -> Array:
    """Return in which order departments of each town hall are met, (place, seat)."""
    share = np.array(list(_DEPARTMENTS.values()))
    order = np.argsort(-(np.log(share) + rng.gumbel(size=(count, len(share)))), axis=1)
    return np.array(list(_DEPARTMENTS), object)[order]


def _known(rng: np.random.Generator, frame: pd.DataFrame) -> pd.DataFrame:
    """Number the records that the CRM has; leavers are noted within some weeks."""
    seen = frame[frame["created_at"] <= CLOSED_SECOND]
    seen = seen.sort_values("created_at", kind="stable").reset_index(drop=True)
    told = at_office(rng, on_working_days(rng, _told(rng, seen)))
    noted = seen["left_on"].notna() & (told <= CLOSED_SECOND)
    return seen.assign(
        contact_id=[f"MC{i:06d}" for i in range(1, len(seen) + 1)],
        left_on=seen["left_on"].where(noted),
        updated_at=np.where(noted, told, seen["created_at"]),
    )


def _told(rng: np.random.Generator, seen: pd.DataFrame) -> Array:
    left = seen["left_on"].fillna(pd.Timestamp(CLOSED_SECOND)).to_numpy().astype("datetime64[D]")
    later = np.maximum(left, seen["created_at"].to_numpy().astype("datetime64[D]"))
    return np.asarray(later + rng.integers(0, 30, len(seen)))


def _activities(
    leads: pd.DataFrame, people: pd.DataFrame, history: History, seed: int
) -> pd.DataFrame:
    """Return a row a contact, as many a quarter as the truth has."""
    rng = stream(seed, "municipal activities")
    made = history.stack("contacts")[1:]
    quarter, place = np.nonzero(made)
    often = made[quarter, place]
    frame = pd.DataFrame({"quarter": np.repeat(quarter, often), "place": np.repeat(place, often)})
    frame = frame[_starts(frame["quarter"]) >= _RECORDS_SINCE].reset_index(drop=True)
    days = _starts(frame["quarter"]) + rng.integers(0, 84, len(frame))
    happened = at_office(rng, on_working_days(rng, days))
    kind = names.pick(rng, {kind: share for kind, (_, share) in _KINDS.items()}, len(frame))
    frame = frame.assign(
        municipality_id=leads["municipality_id"].to_numpy(object)[frame["place"]],
        rep_id=leads["owner_id"].to_numpy(object)[frame["place"]],
        contact_id=_whom(rng, frame, people),
        kind=kind,
        channel=pd.Series(kind).map({kind: channel for kind, (channel, _) in _KINDS.items()}),
        happened_at=happened,
        logged_at=logged(rng, happened),
    )
    seen = frame[frame["logged_at"] <= CLOSED_SECOND]
    return _in_order(seen, "happened_at", "activity_id", "MA")


def _whom(rng: np.random.Generator, frame: pd.DataFrame, people: pd.DataFrame) -> Array:
    """Draw for each contact one of the persons then known; None where there is none."""
    both = frame.reset_index(names="row")[["row", "place", "quarter"]].merge(people, on="place")
    there = both[(both["begun"] <= both["quarter"]) & (both["quarter"] < both["until"])]
    there = there.assign(draw=rng.random(len(there)) + 0.7 * (there["seat"] == 0))
    chosen = there.sort_values("draw").drop_duplicates("row", keep="last").set_index("row")
    return chosen["contact_id"].reindex(range(len(frame))).to_numpy(object)


def _adoptions(leads: pd.DataFrame, days: Array, seed: int) -> pd.DataFrame:
    rng = stream(seed, "municipal adoptions")
    frame = pd.DataFrame({"municipality_id": leads["municipality_id"], "decided_on": days})
    price = leads["expected_amount"] * np.exp(rng.normal(0, 0.15, len(leads)))
    frame["amount"] = (price / 1e4).round().astype(int) * 10_000
    frame = frame[frame["decided_on"].notna()].assign(solution=SOLUTION)
    heard = frame["decided_on"].to_numpy() + rng.integers(1, 8, len(frame))
    frame["logged_at"] = at_office(rng, on_working_days(rng, heard))
    seen = frame[frame["logged_at"] <= CLOSED_SECOND]
    return _in_order(seen, "decided_on", "adoption_id", "MD")


def _in_order(frame: pd.DataFrame, by: str, key: str, letters: str) -> pd.DataFrame:
    frame = frame.sort_values(by, kind="stable").reset_index(drop=True)
    return frame.assign(**{key: [f"{letters}{i:06d}" for i in range(1, len(frame) + 1)]})
