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
# # Reading a model
#
# What did the model learn, can its probabilities be believed, and where is it wrong? This notebook
# trains the churn model of the invented company that `salesml sample` makes, in a temporary folder,
# and looks at it from all sides:
#
# 1. the verdict of the test, and calibration,
# 2. what it learnt: SHAP values and partial dependence,
# 3. where it errs: segments, and the worst errors with their reasons.
#
# It runs in Jupyter and VS Code, and as a plain script: `python notebooks/read_a_model.py`. To read
# the model of your own project, see the last cell.

# %%
import shutil
import tempfile
import warnings
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import shap
from sklearn.inspection import PartialDependenceDisplay

from salesml import api, load_project
from salesml.run import registry_of
from salesml.training.segments import segment_table

HERE = Path.cwd()
REPOSITORY = next(p for p in [HERE, *HERE.parents] if (p / "configs" / "sample").is_dir())
SCRATCH = tempfile.TemporaryDirectory(prefix="salesml-")
ROOT = Path(SCRATCH.name)

shutil.copytree(REPOSITORY / "configs" / "sample", ROOT / "configs" / "sample")
(ROOT / "features").symlink_to(REPOSITORY / "features")
settings = ROOT / "configs" / "sample" / "project.yml"
text = settings.read_text(encoding="utf-8")
settings.write_text(text.replace("buckets: 4", "buckets: 1"), encoding="utf-8")
task = ROOT / "configs" / "sample" / "tasks" / "churn.yml"
with task.open("a", encoding="utf-8") as file:
    file.write("model: {time_budget: 5}\n")  # seconds a model may take here
api.make_sample(ROOT / "var" / "sample")
api.municipal_import("sample", ROOT / "var" / "sample" / "published", root=ROOT)

# %% [markdown]
# ## 1. The verdict
#
# `api.train` is `salesml train`: it learns on older dates, tests on the newest, learns again on
# all, and registers that model. `holdout_model` is the one that was tested. It never saw the test
# rows, so it is the one to read.
#
# In the leaderboard, `log_loss` is out of fold, on the rows that were learnt from, and
# `test_log_loss` on the newest dates. Candidates are chosen by the first; the second is looked at
# once.

# %%
trained = api.train("sample", "churn", root=ROOT)
result = trained.result
for line in result.lines():
    print(line)

# %%
SHOWN = ["candidate", "chosen", "log_loss", "test_log_loss", "test_roc_auc"]
print(result.leaderboard[SHOWN].round(4).to_string(index=False))

# %% [markdown]
# **Calibration**: of those to whom the model gives 30 %, 30 % should leave. Points on the diagonal
# are right; the bars say how far chance alone may carry them.

# %%
table = result.calibration_table
fig, ax = plt.subplots(figsize=(5, 4), layout="constrained")
top = float(table[["probability", "high"]].max().max()) * 1.05
ends = np.clip([table["observed"] - table["low"], table["high"] - table["observed"]], 0, None)
ax.plot([0, top], [0, top], color="grey", linewidth=1)
ax.errorbar(table["probability"], table["observed"], yerr=ends, fmt="o", capsize=3)
ax.set(xlabel="predicted probability", ylabel="observed share", title="Calibration on the test")
plt.show()
print(table.round(3).to_string(index=False))

# %% [markdown]
# ## 2. What it learnt
#
# `explain` gives exact SHAP values in log-odds: for each row, what each feature adds to the
# average. They are what reasons are made of. `explanation` holds the same for the plots of the shap
# library.

# %%
model, X = result.holdout_model, result.test.X
if model.chosen_ == "base_rate":  # then nothing has a contribution
    model = model.with_candidate("lightgbm")
values, explanation = model.explain(X), model.explanation(X)
# they add up: the average and all contributions are the model's log-odds
assert np.allclose(values.sum(axis=1) + model.expected_value_, model.margin(X), atol=1e-6)

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # the library's own, about fonts and random numbers
    shap.plots.beeswarm(explanation, max_display=12, show=False)
    plt.show()

# %% [markdown]
# Each dot is a customer on a date; to the right means likelier to leave; red is a high value of the
# feature. One row in full, the one with the highest probability:

# %%
probability = model.predict_proba(X)[:, 1]
highest = int(probability.argmax())
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    shap.plots.waterfall(explanation[highest], max_display=10, show=False)
    plt.show()
print(f"{result.test.entity.iloc[highest]}: probability {probability[highest]:.1%}")

# %% [markdown]
# **Partial dependence**: the average probability if everybody had this value of the feature. It is
# the model's belief, no proof of cause and effect: who calls a customer more often does not make
# them log in.

# %%
numeric = [name for name in X.columns if X[name].dtype.kind == "f" and X[name].nunique() > 5]
most = values[numeric].abs().mean().nlargest(4).index.tolist()
some = X.sample(min(len(X), 200), random_state=0)
fig, axes = plt.subplots(2, 2, figsize=(8, 6), layout="constrained")
# rows without a value say nothing about the shape
known = some.dropna(subset=most)
PartialDependenceDisplay.from_estimator(
    model, known, most, ax=axes, grid_resolution=15, response_method="predict_proba"
)
plt.show()
print("partial dependence on", ", ".join(most))

# %% [markdown]
# ## 3. Where it errs
#
# The same model in parts of the test. `flaw` says where it is off by more than chance; where it is
# empty, the numbers scatter.

# %%
SHOWN = ["column", "group", "rows", "predicted", "observed", "observed_low", "observed_high"]
print(segment_table(result.segments)[[*SHOWN, "flaw"]].round(3).to_string(index=False))

# %% [markdown]
# The **worst errors** are worth an hour with somebody who knows the customers. Surprises: they
# left and the model saw nothing coming. Is there something in the CRM that could have told? False
# alarms: they stayed against all signs. Did somebody save them?


# %%
def facts(row: int, top: int = 3) -> str:
    """The features that moved a row most, with their values."""
    told = []
    for name in values.iloc[row].abs().nlargest(top).index:
        value, added = X[name].iloc[row], values[name].iloc[row]
        told.append(f"{name} {'unknown' if pd.isna(value) else value} ({added:+.2f})")
    return ", ".join(told)


tested = result.test_predictions.assign(probability=probability).reset_index(drop=True)
given = np.where(tested["y"] == 1, tested["probability"], 1 - tested["probability"])
tested["loss"] = -np.log(given)
for title, outcome in (("surprises", 1), ("false alarms", 0)):
    print(title)
    for row in tested[tested["y"] == outcome].nlargest(4, "loss").index:
        entity, as_of = tested.loc[row, ["entity", "as_of"]]
        print(f"  {entity} {as_of} {tested['probability'][row]:.1%}: {facts(row)}")

# %% [markdown]
# ## The model of your own project
#
# The champion lies in the project's registry, and so do its test predictions:

# %%
champion = registry_of(load_project("sample", ROOT)).champion("churn")
assert champion is not None
print(champion.summary)
loaded = champion.load()
print(loaded.chosen_, "from", len(loaded.feature_names_in_), "features")
print(champion.predictions().head().round(3).to_string(index=False))
SCRATCH.cleanup()
