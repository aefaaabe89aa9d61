from __future__ import annotations

import re

import pytest

from salesml.errors import ConfigError
from salesml.export import Target


@pytest.mark.parametrize(
    ("mode", "fields", "stamps", "message"),
    [
        ("upserts", {"a": "x"}, {}, "Did you mean 'upsert'?"),
        ("update", {}, {"a": "x"}, "no fields"),
        ("update", {"a": "x", "b": "y"}, {"a": "x"}, "Both field and stamp: a."),
        ("update", {"id": "x"}, {}, "The key 'id' is a field too."),
        ("update", {"a": "x"}, {"id": "x"}, "The key 'id' is a field too."),
    ],
)
def test_impossible_targets(
    mode: str, fields: dict[str, str], stamps: dict[str, str], message: str
) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)) as error:
        Target("crm scores", "t", "id", mode, fields, stamps)
    assert "target crm scores" in str(error.value)
