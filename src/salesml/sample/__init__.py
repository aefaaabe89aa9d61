"""The embedded sample: the CRM of an invented Japanese SaaS vendor, with a known truth.

:func:`make_sample` writes two SQLite files and a folder. ``crm.sqlite`` is what a company would
have: accounts, contacts, contracts, product usage, tickets, leads, opportunities with their stage
history, activities, sales reps, results, tasks and a trial of first actions on leads, from
2023-04-01 to 2026-06-30, seasonal and messy.
``truth.sqlite`` is what nobody has: the true probabilities behind cancelling, converting, winning
and adopting, and their drivers.
``published/`` holds what ministries would publish of some 420 invented municipalities, to which the
vendor sells as well: in the layouts of the real files, for ``salesml municipal import``.

Churn is higher than a vendor would like, 35 to 40 % of the customers a year: with 300 customers,
fewer would leave too few to learn from. Truths:

- ``churn``: per customer and first of a month, the probability of cancelling within 90 days given
  that day's hidden state, computed exactly from the hazard that generated the sample, and what
  came (the world goes on to 2026-09-30, the CRM does not).
- ``conversion``: per lead, the probability of converting within 60 days, at its creation.
- ``win``: per opportunity, the probability of winning it at all, at its creation. A model that
  scores an open deal by its stage knows more than that.
- ``actions``: per lead of the trial and action, the probability of converting within 60 days
  (:mod:`salesml.sample.trials`).
- ``municipal``: per town hall and first of a month, the probability of adopting within 365 days
  (:mod:`salesml.sample.municipal`).
- ``drivers``: effects in log-odds (churn: in the log of the hazard).
"""

from __future__ import annotations

import shutil
from contextlib import ExitStack
from pathlib import Path

from salesml.errors import SourceError
from salesml.sample.mess import mess_up
from salesml.sample.municipal import write_published
from salesml.sample.tables import CRM, TRUTH, texts, write
from salesml.sample.world import make_world

__all__ = ["make_sample"]

_FEWEST = 20


def _check(accounts: int, crm: Path) -> None:
    if accounts < _FEWEST:
        raise SourceError(
            "The sample needs some customers to show anything",
            received=f"accounts={accounts}",
            fix=f"ask for at least {_FEWEST}",
        )
    if crm.exists():
        raise SourceError(
            "There is a sample CRM already; it may hold scores that were written back",
            where=str(crm),
            fix="delete it or choose another directory",
        )


def make_sample(directory: Path | str, *, accounts: int = 300, seed: int = 0) -> Path:
    """Write the sample to *directory*; return the path of ``crm.sqlite``.

    Parameters
    ----------
    directory : created where it is missing.
    accounts : about so many customers; ten times as many leads, five times as many opportunities.
    seed : equal ``accounts`` and ``seed`` give equal tables.

    Raises
    ------
    SourceError : ``crm.sqlite`` exists already, or *accounts* is under 20.
    """
    folder = Path(directory)
    crm_path, truth_path = folder / "crm.sqlite", folder / "truth.sqlite"
    _check(accounts, crm_path)
    folder.mkdir(parents=True, exist_ok=True)
    crm, truth, published = make_world(accounts, seed)
    shown = mess_up({name: texts(crm[name], columns) for name, columns in CRM.items()}, seed)
    known = {name: texts(truth[name], columns) for name, columns in TRUTH.items()}
    with ExitStack() as stack:
        drafts = [path.with_name(f".{path.name}.part") for path in (truth_path, crm_path)]
        for draft in drafts:
            draft.unlink(missing_ok=True)
            stack.callback(draft.unlink, missing_ok=True)
        files = folder / ".published.part"
        stack.callback(shutil.rmtree, files, ignore_errors=True)
        shutil.rmtree(files, ignore_errors=True)
        write_published(files, published)
        write(drafts[0], known, TRUTH)
        write(drafts[1], shown, CRM)
        # The CRM comes last: where it stands, all is whole.
        shutil.rmtree(folder / "published", ignore_errors=True)
        files.replace(folder / "published")
        drafts[0].replace(truth_path)
        drafts[1].replace(crm_path)
    return crm_path
