from __future__ import annotations

import json
from pathlib import Path

import pytest

from nuke_ai_panel.errors import SettingsError
from nuke_ai_panel.settings import RANGES, Settings, SettingsStore, config_folder, parse_change


def store(tmp_path: Path, **environ: str) -> SettingsStore:
    return SettingsStore(tmp_path / "user" / "settings.json", environ=environ)


def studio_file(tmp_path: Path, data: object) -> str:
    path = tmp_path / "studio.json"
    path.write_text(json.dumps(data), encoding="utf-8")
    return str(path)


def test_load_gives_defaults_when_no_file_exists(tmp_path):
    settings = store(tmp_path).load()
    assert settings.provider == ""
    assert settings.server("ollama").base_url == ""
    assert settings.server("ollama").enabled
    assert settings.font_size == 13


def test_save_writes_only_what_changed_and_keeps_the_rest(tmp_path):
    first = store(tmp_path)
    first.save({"model": "a", "font_size": 15})
    first.save({"model": "b"})
    assert json.loads(first.path.read_text(encoding="utf-8")) == {"font_size": 15, "model": "b"}
    assert store(tmp_path).load().model == "b"


def test_layers_win_in_order_and_name_their_source(tmp_path):
    studio = studio_file(tmp_path, {"model": "studio", "servers.ollama.base_url": "http://studio:1", "font_size": 11})
    store(tmp_path).save({"model": "user", "servers.ollama.base_url": "http://user:1"})
    layered = store(tmp_path, NUKE_AI_PANEL_STUDIO_SETTINGS=studio, OLLAMA_HOST="http://env:1")
    settings = layered.load()
    assert (settings.font_size, settings.model, settings.server("ollama").base_url) == (11, "user", "http://env:1")
    assert [layered.source(key) for key in ("font_size", "model", "servers.ollama.base_url", "local_only")] == [
        "studio",
        "user",
        "environment",
        "default",
    ]


def test_a_locked_key_beats_user_and_environment_and_cannot_be_saved(tmp_path):
    studio = studio_file(tmp_path, {"local_only": True, "locked": ["local_only"]})
    store(tmp_path).save({"local_only": False})
    locked = store(tmp_path, NUKE_AI_PANEL_STUDIO_SETTINGS=studio, NUKE_AI_PANEL_LOCAL_ONLY="0")
    assert locked.load().local_only
    assert locked.locked_keys == {"local_only"}
    with pytest.raises(SettingsError, match="set by your studio"):
        locked.save({"local_only": False})


def test_a_server_with_an_address_is_enabled_unless_somebody_says_otherwise(tmp_path):
    assert not store(tmp_path).load().server("openai").enabled
    named = store(tmp_path, OPENAI_BASE_URL="http://gpu:8000/v1")
    assert named.load().server("openai").enabled
    assert named.source("servers.openai.enabled") == "default"
    studio = studio_file(tmp_path, {"servers.openai.base_url": "http://studio:1"})
    assert store(tmp_path, NUKE_AI_PANEL_STUDIO_SETTINGS=studio).load().server("openai").enabled
    named.save({"servers.openai.enabled": False})
    assert not named.load().server("openai").enabled
    assert not store(tmp_path, NUKE_AI_PANEL_STUDIO_SETTINGS=studio).load().server("openai").enabled


def test_environment_model_may_name_its_provider(tmp_path):
    settings = store(tmp_path, NUKE_AI_PANEL_MODEL="openrouter/google/gemma-3").load()
    assert (settings.provider, settings.model) == ("openrouter", "google/gemma-3")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "not valid JSON"),
        ("[]", "must hold a JSON object"),
        ('{"modle": "x"}', "Unknown setting 'modle'"),
        ('{"font_size": "big"}', "must be a whole number, not 'big'"),
        ('{"font_size": true}', "must be a whole number, not True"),
        ('{"font_size": 400}', "between 8 and 40 pixels, not 400"),
        ('{"font_size": null}', "must be a whole number, not None"),
        ('{"local_only": 1}', "must be true or false, not 1"),
        ('{"model": null}', "must be a text, not None"),
        ('{"limit_rounds": 0}', "'limit_rounds' in .* must be between 1 and 200 rounds, not 0"),
        ('{"limit_rounds": null}', "'limit_rounds' in .* must be a whole number, not None"),
        ('{"limit_rounds": 2.5}', "must be a whole number, not 2.5"),
        ('{"limit_tokens": 5}', "between 1,000 and 10,000,000 tokens, or null for no limit, not 5"),
        ('{"limit_cost": "2"}', "'limit_cost' in .* must be a number, or null for no limit, not '2'"),
        ('{"limit_cost": NaN}', "between 0.01 and 1,000 US dollars, or null for no limit, not nan"),
        ('{"limit_cost": false}', "'limit_cost' in .* must be a number"),
        ('{"limit_minutes": 1441}', "between 1 and 1,440 minutes"),
        ('{"script_tokens": 199}', "between 200 and 50,000 tokens, not 199"),
        ('{"conversation_tokens": 2000001}', "between 200 and 2,000,000 tokens"),
    ],
)
def test_a_bad_file_is_refused_with_its_name_and_left_alone(tmp_path, text, words):
    bad = store(tmp_path)
    bad.path.parent.mkdir()
    bad.path.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError, match=words) as caught:
        bad.load()
    assert "settings.json" in str(caught.value)
    assert bad.path.read_text(encoding="utf-8") == text


def test_a_missing_studio_file_is_an_error_not_silence(tmp_path):
    with pytest.raises(SettingsError, match="NUKE_AI_PANEL_STUDIO_SETTINGS"):
        store(tmp_path, NUKE_AI_PANEL_STUDIO_SETTINGS=str(tmp_path / "none.json")).load()


def test_a_folder_that_cannot_be_looked_into_is_a_settings_error(tmp_path):
    # Another user's home on a farm gives the same; root may look into everything.
    hidden = tmp_path / ("x" * 300) / "settings.json"
    with pytest.raises(SettingsError, match=r"Cannot read .* NUKE_AI_PANEL_CONFIG_DIR"):
        SettingsStore(hidden, environ={}).load()
    with pytest.raises(SettingsError, match="NUKE_AI_PANEL_STUDIO_SETTINGS"):
        SettingsStore(tmp_path / "settings.json", environ={"NUKE_AI_PANEL_STUDIO_SETTINGS": str(hidden)}).load()


def test_config_folder_follows_the_environment(tmp_path):
    assert config_folder({"NUKE_AI_PANEL_CONFIG_DIR": str(tmp_path)}) == tmp_path


def test_limits_have_defaults_in_their_range_and_are_kept_in_the_file(tmp_path):
    first = store(tmp_path)
    defaults = first.load()
    for key, allowed in RANGES.items():
        assert allowed.low <= getattr(defaults, key) <= allowed.high, key
    first.save({"limit_rounds": 30, "limit_tokens": None, "limit_cost": 1, "limit_minutes": 5})
    settings = store(tmp_path).load()
    assert (settings.limit_rounds, settings.limit_tokens, settings.limit_cost, settings.limit_minutes) == (30, None, 1, 5)
    assert (settings.script_tokens, settings.conversation_tokens) == (2_000, 32_000)
    with pytest.raises(SettingsError, match="'limit_rounds' in the change must be between 1 and 200 rounds, not 201"):
        first.save({"limit_rounds": 201})
    assert store(tmp_path).load() == settings


def test_the_studio_locks_limits_and_what_it_only_gives_can_be_changed(tmp_path):
    studio = studio_file(tmp_path, {"limit_cost": 0.5, "limit_rounds": 40, "locked": ["limit_cost"]})
    store(tmp_path).save({"limit_cost": None, "limit_rounds": 8})
    layered = store(tmp_path, NUKE_AI_PANEL_STUDIO_SETTINGS=studio, NUKE_AI_PANEL_LIMIT_COST="100")
    assert (layered.load().limit_cost, layered.load().limit_rounds) == (0.5, 8)
    assert (layered.fixed_by("limit_cost"), layered.fixed_by("limit_rounds")) == ("Set by your studio", "")
    assert (layered.given.limit_rounds, layered.given.limit_tokens) == (40, 400_000)
    with pytest.raises(SettingsError, match="'limit_cost' is set by your studio"):
        layered.save({"limit_cost": 2.0})


def test_what_is_forgotten_follows_the_studio_again(tmp_path):
    studio = studio_file(tmp_path, {"limit_rounds": 40})
    layered = store(tmp_path, NUKE_AI_PANEL_STUDIO_SETTINGS=studio)
    layered.save({"limit_rounds": 8, "limit_minutes": 5})
    assert layered.save({"font_size": 14}, forget=("limit_rounds",)).limit_rounds == 40
    assert json.loads(layered.path.read_text(encoding="utf-8")) == {"font_size": 14, "limit_minutes": 5}
    studio_file(tmp_path, {"limit_rounds": 50})
    assert layered.load().limit_rounds == 50


def test_limits_come_from_the_environment_and_a_bad_one_names_its_variable(tmp_path):
    environ = {
        "NUKE_AI_PANEL_LIMIT_ROUNDS": "3",
        "NUKE_AI_PANEL_LIMIT_TOKENS": "none",
        "NUKE_AI_PANEL_LIMIT_COST": "0.25",
        "NUKE_AI_PANEL_LIMIT_MINUTES": " 2 ",
        "NUKE_AI_PANEL_SCRIPT_TOKENS": "500",
        "NUKE_AI_PANEL_CONVERSATION_TOKENS": "8000",
    }
    layered = store(tmp_path, **environ)
    found = layered.load()
    assert (found.limit_rounds, found.limit_tokens, found.limit_cost, found.limit_minutes) == (3, None, 0.25, 2)
    assert (found.script_tokens, found.conversation_tokens) == (500, 8000)
    assert layered.fixed_by("limit_rounds") == "Set by an environment variable"
    for variable, text, words in (
        ("NUKE_AI_PANEL_LIMIT_ROUNDS", "many", "must be a whole number, not 'many'"),
        ("NUKE_AI_PANEL_LIMIT_ROUNDS", "none", "must be a whole number, not None"),
        ("NUKE_AI_PANEL_LIMIT_COST", "5000", "between 0.01 and 1,000 US dollars"),
        ("NUKE_AI_PANEL_LOCAL_ONLY", "maybe", "must be true or false, not 'maybe'"),
    ):
        with pytest.raises(SettingsError, match=f"the environment variable {variable} .*{words}"):
            store(tmp_path, **{variable: text}).load()


@pytest.mark.parametrize(
    ("text", "change"),
    [
        ("limit_tokens=none", ("limit_tokens", None)),
        ("limit_cost = 0.5", ("limit_cost", 0.5)),
        ("local_only=yes", ("local_only", True)),
        ("auto_fix=off", ("auto_fix", False)),
        ("servers.ollama.base_url=http://gpu:1/?a=b", ("servers.ollama.base_url", "http://gpu:1/?a=b")),
    ],
)
def test_a_change_is_read_as_a_person_writes_it(text, change):
    assert parse_change(text) == change


@pytest.mark.parametrize(
    ("text", "words"), [("limit_round=3", "Unknown setting 'limit_round'"), ("limit_rounds", "not ''"), ("", "Unknown setting")]
)
def test_a_change_that_is_none_is_refused(text, words):
    with pytest.raises(SettingsError, match=words):
        parse_change(text)


def test_the_readme_names_the_limits_as_they_are():
    text = (Path(__file__).resolve().parent.parent.parent / "README.md").read_text(encoding="utf-8")
    for key, allowed in RANGES.items():
        if key == "font_size":
            continue
        none = ", `null`" if allowed.may_be_none else ""
        row = f"| `{key}` | {getattr(Settings, key)} | {allowed.low} to {allowed.high}{none} |"
        assert row in text, row
