"""docs/settings.md against the settings themselves."""

from __future__ import annotations

import json
import pathlib
import re

import pytest

from nuke_ai_panel import settings
from nuke_ai_panel.credentials import ENVIRONMENT as KEY_VARIABLES
from nuke_ai_panel.errors import SettingsError
from nuke_ai_panel.providers import registry
from nuke_ai_panel.settings import SettingsStore

PAGE = pathlib.Path(__file__).resolve().parents[2] / "docs" / "settings.md"
ROW = re.compile(r"^\| `([a-z_.]+)` \| `([^`]+)` \| (?:`([A-Z_]+)`)? ?\| (.+) \|$", re.MULTILINE)
ROWS = {key: (json.loads(default), variable, words) for key, default, variable, words in ROW.findall(PAGE.read_text("utf-8"))}


def test_page_names_every_setting_with_its_default(tmp_path):
    assert {key: default for key, (default, _, _) in ROWS.items()} == settings._DEFAULTS
    # What stands in the page can be written into the file.
    path = tmp_path / "settings.json"
    path.write_text(json.dumps({key: default for key, (default, _, _) in ROWS.items()}), encoding="utf-8")
    SettingsStore(path, environ={}).load()


def test_page_names_every_variable():
    assert {variable: key for key, (_, variable, _) in ROWS.items() if variable} == settings._ENVIRONMENT
    for variable in KEY_VARIABLES.values():
        assert f"`{variable}`" in PAGE.read_text("utf-8")


def test_page_says_which_settings_may_be_without_a_limit(tmp_path):
    for key, (_, _, words) in ROWS.items():
        path = tmp_path / "settings.json"
        path.write_text(json.dumps({key: None}), encoding="utf-8")
        if "`null`: no limit" in words:
            SettingsStore(path, environ={}).load()
        else:
            with pytest.raises(SettingsError, match=key.replace(".", r"\.")):
                SettingsStore(path, environ={}).load()


def test_page_names_the_default_addresses(monkeypatch):
    for variable in ("OLLAMA_HOST", "OPENROUTER_BASE_URL", "OPENAI_BASE_URL"):
        monkeypatch.delenv(variable, raising=False)
    for provider in registry.PROVIDERS:
        assert f"`{registry.default_address(provider)}`" in ROWS[f"servers.{provider}.base_url"][2]
