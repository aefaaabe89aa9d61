from __future__ import annotations

import pickle

from salesml.errors import ConfigError, SalesmlError, suggest


def test_an_error_says_what_received_where_and_what_to_do() -> None:
    error = ConfigError("No task.", received="churm", where="a.yml:3", fix="Use churn.")
    assert str(error) == "No task.\n  received: churm\n  where: a.yml:3\n  to do: Use churn."
    assert str(ConfigError("No task.")) == "No task."


def test_errors_pass_between_processes() -> None:
    error = ConfigError("No task.", where="a.yml:3")
    copied = pickle.loads(pickle.dumps(error))
    assert isinstance(copied, ConfigError)
    assert str(copied) == str(error)
    assert isinstance(copied, SalesmlError)


def test_near_misses() -> None:
    assert suggest("churm", ["churn", "win"]) == " Did you mean 'churn'?"
    assert suggest("xyz", ["churn", "win"]) == ""
