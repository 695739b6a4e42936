from __future__ import annotations

import json
from pathlib import Path

import pytest

from nuke_ai_panel.errors import SettingsError
from nuke_ai_panel.settings import SettingsStore, config_folder


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


def test_environment_model_may_name_its_provider(tmp_path):
    settings = store(tmp_path, NUKE_AI_PANEL_MODEL="openrouter/google/gemma-3").load()
    assert (settings.provider, settings.model) == ("openrouter", "google/gemma-3")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "not valid JSON"),
        ("[]", "must hold a JSON object"),
        ('{"modle": "x"}', "Unknown setting 'modle'"),
        ('{"font_size": "big"}', "must be a int"),
        ('{"font_size": true}', "must be a int"),
        ('{"font_size": 400}', "between 8 and 40"),
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


def test_config_folder_follows_the_environment(tmp_path):
    assert config_folder({"NUKE_AI_PANEL_CONFIG_DIR": str(tmp_path)}) == tmp_path
