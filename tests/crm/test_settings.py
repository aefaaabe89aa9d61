"""Settings of connections."""

from __future__ import annotations

import pytest

from salesml.crm.settings import settings_of
from salesml.errors import ConfigError


def test_optional_settings_have_defaults() -> None:
    spec = {"type": "shop", "url": "https://a", "version": "2"}
    found = settings_of("crm", spec, ["url"], {"version": "1", "portal": ""})
    assert found == {"url": "https://a", "version": "2", "portal": ""}


def test_all_that_is_wrong_is_named_and_no_value_shown() -> None:
    spec = {"type": "shop", "ulr": "https://a", "token": "", "secret": "hush"}
    with pytest.raises(ConfigError) as caught:
        settings_of("crm", spec, ["url", "token", "secret"])
    text = str(caught.value)
    assert "'ulr' is unknown Did you mean 'url'?" in text
    assert "'url' is missing" in text
    assert "'token' is missing" in text
    assert "hush" not in text
