# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Does my new feature help?
#
# A feature is worth having if a model with it predicts better than the same model without it, on
# rows that neither has seen, by more than chance. This notebook takes one from the idea to the
# decision, on the invented company that `salesml sample` makes:
#
# 1. write the feature: one SQL file, and one YAML file that says what it means,
# 2. check it: its examples hold, and it does not look ahead,
# 3. run an experiment, read the table, decide.
#
# Everything happens in a temporary copy of the project, so nothing in the repository changes. It
# runs in Jupyter and VS Code, and as a plain script: `python notebooks/add_a_feature.py`.

# %%
import shutil
import tempfile
from pathlib import Path

import yaml

from salesml import Variant, api

HERE = Path.cwd()
REPOSITORY = next(p for p in [HERE, *HERE.parents] if (p / "configs" / "sample").is_dir())
SCRATCH = tempfile.TemporaryDirectory(prefix="salesml-")
ROOT = Path(SCRATCH.name)

shutil.copytree(REPOSITORY / "configs" / "sample", ROOT / "configs" / "sample")
shutil.copytree(REPOSITORY / "features", ROOT / "features")
api.make_sample(ROOT / "var" / "sample", accounts=160)
api.municipal_import("sample", ROOT / "var" / "sample" / "published", root=ROOT)

# %% [markdown]
# One task is enough here: which customers will cancel within 90 days? So few customers fit into one
# bucket.

# %%
SETTINGS = ROOT / "configs" / "sample" / "project.yml"
text = SETTINGS.read_text(encoding="utf-8")
SETTINGS.write_text(text.replace("buckets: 4", "buckets: 1"), encoding="utf-8")
TASK = ROOT / "configs" / "sample" / "tasks" / "churn.yml"
for other in TASK.parent.glob("*.yml"):
    if other != TASK:
        other.unlink()
for name in ("export.yml", "actions.yml", "plays.yml", "assignment.yml"):
    (ROOT / "configs" / "sample" / name).unlink()  # nothing is done or written back from here

churn = yaml.safe_load(TASK.read_text(encoding="utf-8"))
churn["model"] = {"time_budget": 5}  # seconds a model may take here
del churn["baseline"]  # it is features that are compared here, not models with the health score
print(churn["question"]["en"])
print("learns from", ", ".join(churn["features"]))

# %% [markdown]
# ## 1. Write it
#
# The idea: ten logins a month are few for one customer and many for another. What may tell more
# than how often somebody logs in is how that compares with **their own habit**.
#
# The SQL names its sources plainly and never cuts off at a date: each `as_of` sees only the rows
# that were known before it.

# %%
HABIT_SQL = """\
-- How an account uses the product, against its own habit.
with

daily as (
    select
        account_id,
        as_of,
        logins,
        deliveries,
        date_diff('day', cast(happened_at as date), as_of) as days_ago
    from usage
),

counted as (
    select
        account_id,
        as_of,
        coalesce(sum(logins) filter (where days_ago <= 21), 0) / 21 as logins_now,
        coalesce(sum(deliveries) filter (where days_ago <= 21), 0) / 21 as deliveries_now,
        sum(logins) filter (where days_ago > 21) as logins_before,
        sum(deliveries) filter (where days_ago > 21) as deliveries_before,
        nullif(max(days_ago) - 21, 0) as days_before
    from daily
    where days_ago >= 1
    group by account_id, as_of
)

select
    account_id,
    as_of,
    100.0 * logins_now / nullif(logins_before / days_before, 0) as logins_of_habit,
    100.0 * deliveries_now / nullif(deliveries_before / days_before, 0) as deliveries_of_habit
from counted
"""

# %% [markdown]
# The YAML says what each column means, to the model and to a seller, and holds the **examples**:
# given these rows, expect those values. They are the feature's test. Work one out by hand: 3
# logins in 21 days are one a week; 8 logins in the 28 days before are two a week: 50 %.

# %%
HABIT_YML = """\
description: Logins and deliveries of the last three weeks against the account's own habit.
lookback: 180 days
reads:
  usage:
    columns: {logins: double, deliveries: double}
concepts:
  habit: {ja: 普段の利用, en: Habit}
features:
  logins_of_habit:
    concept: habit
    type: double
    unit: {ja: "%", en: "%"}
    good: up
    missing: unknown
    missing_words: {ja: "以前のログインの記録がありません", en: "No earlier login on record"}
    words: {ja: "ログインは普段の{value}%（21日）", en: "Logins in 21 days are {value}% of usual"}
  deliveries_of_habit:
    concept: habit
    type: double
    unit: {ja: "%", en: "%"}
    good: up
    missing: unknown
    missing_words: {ja: "以前の配信の記録がありません", en: "No earlier delivery on record"}
    words: {ja: "配信は普段の{value}%（21日）", en: "Deliveries in 21 days are {value}% of usual"}
tests:
  - name: three weeks against the 28 days before
    given:
      usage:
        - {account_id: a, happened_at: 2025-03-31, logins: 3, deliveries: 0}
        - {account_id: a, happened_at: 2025-03-01, logins: 6, deliveries: 2}
        - {account_id: a, happened_at: 2025-02-11, logins: 2, deliveries: 2}
    spine: [{account_id: a, as_of: 2025-04-01}]
    expect:
      - {account_id: a, as_of: 2025-04-01, logins_of_habit: 50, deliveries_of_habit: 0}
  - name: a new customer has no habit yet
    given:
      usage: [{account_id: a, happened_at: 2025-03-31, logins: 3, deliveries: 1}]
    spine: [{account_id: a, as_of: 2025-04-01}]
    expect:
      - {account_id: a, as_of: 2025-04-01, logins_of_habit: null, deliveries_of_habit: null}
"""


def write_set(sql: str, yml: str) -> None:
    """Write the two files of the feature set `habit`."""
    (ROOT / "features" / "account" / "habit.sql").write_text(sql, encoding="utf-8")
    (ROOT / "features" / "account" / "habit.yml").write_text(yml, encoding="utf-8")


write_set(HABIT_SQL, HABIT_YML)
churn["features"].append("habit")
TASK.write_text(yaml.safe_dump(churn, allow_unicode=True, sort_keys=False), encoding="utf-8")

# %% [markdown]
# ## 2. Check it
#
# `salesml check -p sample` reads the sources, runs the examples, and computes every feature twice:
# once as the nightly does, once from data that are physically cut off at the date. A feature that
# differs has looked ahead.


# %%
def show_check() -> None:
    """Print what the check says of `habit`."""
    report = api.check("sample", root=ROOT)
    for title in report.passed:
        if "habit" in title:
            print("ok   ", title)
    for problem in report.problems:
        print("wrong", problem)


show_check()

# %% [markdown]
# It would have told us. A slip that is easily made is to average the habit **over all dates** of a
# customer: with the one date of an example that comes to the same, but on an early date it holds
# what came later. The model would look better than it can be at night.

# %%
write_set(
    HABIT_SQL.replace(
        "nullif(logins_before / days_before, 0)",
        "nullif(avg(logins_before / days_before) over (partition by account_id), 0)",
    ),
    HABIT_YML,
)
show_check()

# %%
write_set(HABIT_SQL, HABIT_YML)

# %% [markdown]
# ## 3. Run the experiment
#
# Every variant learns from the same rows and is judged on the same folds, each on dates newer than
# those it learnt from. What the set is worth shows when it is left out. `usage` measures the same
# behaviour in other ways, so leave that out, too: alone, and together with `habit`.
#
# On the command line:
#
#     salesml experiment -p sample churn --without habit \
#         --variant "no usage: --without usage" --variant "neither: --without usage,habit"

# %%
found = api.experiment(
    "sample",
    "churn",
    Variant(remove=["habit"], name="no habit"),
    Variant(remove=["usage"], name="no usage"),
    Variant(remove=["usage", "habit"], name="neither"),
    root=ROOT,
    tell=print,
)

# %%
SHOWN = ["variant", "columns", "chosen", "log_loss", "roc_auc"]
ENDS = ["log_loss_difference", "log_loss_difference_low", "log_loss_difference_high"]
table = found.table()
print(table[SHOWN].round(4).to_string(index=False))
print(table[["variant", *ENDS]].round(4).to_string(index=False))

# %%
for line in found.lines():
    print(line)

# %% [markdown]
# ## 4. Read it, and decide
#
# - The **difference** is that of the variant to the first row, on the very same rows: luck that
#   both share cancels out. Log loss falls when probabilities get better; AUC rises when the order
#   does.
# - The **interval** comes from drawing the customers again and again. If it holds 0, these rows
#   cannot tell the two apart. That is no proof that the feature is useless, but no reason to keep
#   it either: a feature costs upkeep every night.
# - Leaving out **both** tells what the behaviour is worth that they share. Leaving out **one**
#   tells what it adds to the other: often little, and then the one with fewer columns is better.
# - The **newest dates** were not looked at. `salesml train` tests on them, once, after the
#   decision; who picks the winner on the test has no test any more.

# %%
by_name = {outcome.name: outcome.differences["log_loss"] for outcome in found.outcomes}
worth_more = by_name["no habit"].low > 0
print(
    "keep habit beside usage" if worth_more else "habit adds nothing clear to usage: leave it out"
)

# %% [markdown]
# Where do the two disagree? The predictions are there, row by row. These customers' probability
# changed most by leaving `habit` out.

# %%
rows = found.predictions
rows = rows.assign(change=rows["no habit"] - rows["as configured"])
print(rows.sort_values("change", key=abs, ascending=False).head(8).round(3).to_string(index=False))

# %% [markdown]
# Every experiment is in MLflow, under `sample-experiments`: one run with the verdicts, and one
# below it for each variant. Here the folder goes away with the notebook:

# %%
print("MLflow run", found.run_id)
SCRATCH.cleanup()
