"""Which model scores tonight: the champion, trained first where there is none or it is due."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from salesml.config import Words
from salesml.errors import LabelError, SalesmlError
from salesml.failures import explained
from salesml.features import load_feature_sets
from salesml.history import note_models
from salesml.learning import Trained, train_task
from salesml.retraining import reasons_to_train
from salesml.run import Run

if TYPE_CHECKING:
    from salesml.registry import Champion

__all__ = ["Appointment", "champion_for"]


@dataclass(frozen=True)
class Appointment:
    """The model that scores, and how it came to.

    ``due``: why it was to be trained again; ``trained`` what came of that, ``error`` why nothing
    did; ``before`` the champion until then.
    """

    champion: Champion
    trained: Trained | None = None
    due: tuple[Words, ...] = ()
    before: Champion | None = None
    error: SalesmlError | None = None

    @property
    def words(self) -> Words | None:
        """What became of training again, in a sentence; None where that was not due."""
        if not self.due:
            return None
        why = Words(
            ja="、".join(words.ja for words in self.due),
            en=", ".join(words.en for words in self.due),
        )
        return _failed(self, why) if self.trained is None else _decided(self, self.trained, why)


def _failed(appointed: Appointment, why: Words) -> Words:
    stays, what = appointed.champion.version, appointed.error.what if appointed.error else ""
    return Words(
        ja=f"再学習（{why.ja}）に失敗し、モデル{stays}を引き続き使いました。{what}",
        en=f"training again ({why.en}) failed, version {stays} stays. {what}",
    )


def _decided(appointed: Appointment, trained: Trained, why: Words) -> Words:
    new, reasons = trained.version.version, " ".join(trained.decision.reasons)
    if trained.version.passed and appointed.before:
        old = appointed.before.version
        return Words(
            ja=f"再学習（{why.ja}）：モデル{new}がモデル{old}に代わりました。",
            en=f"retrained ({why.en}); version {new} replaces version {old}: {reasons}",
        )
    stays = appointed.champion.version
    return Words(
        ja=f"再学習（{why.ja}）：モデル{new}は審査を通らず、モデル{stays}を引き続き使います。",
        en=f"retrained ({why.en}); version {new} refused: {reasons} Version {stays} stays.",
    )


def champion_for(run: Run, task: str) -> Appointment:
    """The champion known on the run's date; trained now where none fits, or where that is due.

    Training again is never in the way of scoring: where it fails, the present champion goes on.
    Raises LabelError where there is none at all.
    """
    note_models(run, task)
    champion = run.registry.champion(task, run.as_of)
    if champion is None:
        return _first(run, task, "there is no champion")
    gone = _gone(run, champion)
    if gone:
        run.tell(f"{task}: the champion needs {gone}, which the task has no more")
        return _first(run, task, f"the champion needs {gone}")
    return _kept_or_challenged(run, champion)


def _first(run: Run, task: str, why: str) -> Appointment:
    trained = train_task(run, task, why)
    champion = run.registry.champion(task, run.as_of)
    if champion is None:
        raise LabelError(
            f"Task {task} has no champion, and the gate refused the model just trained.",
            received="; ".join(trained.decision.reasons),
            where=f"MLflow run {trained.version.run_id}",
            fix="Look at the run's warnings; correct the features they name.",
        )
    return Appointment(champion, trained)


def _gone(run: Run, champion: Champion) -> str:
    """The features that *champion* learnt from and the task has no more."""
    task = run.project.task(champion.task)
    sets = load_feature_sets(run.project.features, task.entity, task.features)
    names = {name for feature_set in sets for name in feature_set.features}
    return ", ".join(sorted(set(champion.load().feature_names_in_) - names))


def _kept_or_challenged(run: Run, champion: Champion) -> Appointment:
    task, due = champion.task, [Words(ja="判定できません", en="cannot be judged")]
    try:
        due = reasons_to_train(run, champion)
        if not due:
            return Appointment(champion)
        why = ", ".join(words.en for words in due)
        run.tell(f"{task}: training is due: {why}")
        run.note("retraining_due", task, version=champion.version, reasons=[w.en for w in due])
        trained = train_task(run, task, f"due: {why}")
        now = run.registry.champion(task, run.as_of) or champion
        return Appointment(now, trained, tuple(due), champion)
    except Exception as error:  # whatever it is, the scores must go out
        ours = explained(run, task, error)
        run.tell(f"{task}: training again failed: {ours.what}")
        run.note("retraining_failed", task, version=champion.version, error=ours.what)
        return Appointment(champion, None, tuple(due), champion, ours)
