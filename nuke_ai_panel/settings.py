"""Settings in layers: defaults < studio file < user file < environment < command line. A studio file may lock a key.

Files are JSON objects of flat keys::

    {"provider": "ollama", "model": "qwen3-coder:30b", "servers.ollama.base_url": "http://gpu-01:11434", "limit_cost": 0.5}

Numbers have a range (:data:`RANGES`); where it says so, ``null`` is no limit. The user's file is ``settings.json`` in
:func:`config_folder`; the studio's is named by ``NUKE_AI_PANEL_STUDIO_SETTINGS``, and may hold
``"locked": ["local_only", ...]``. API keys are not settings: see :mod:`nuke_ai_panel.credentials`.
"""

from __future__ import annotations

import json
import os
import stat
import sys
import tempfile
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from types import MappingProxyType
from typing import Union
from urllib.parse import urlsplit

from nuke_ai_panel.errors import SettingsError, ValidationError
from nuke_ai_panel.providers import registry
from nuke_ai_panel.providers.registry import PROVIDERS

__all__ = ["RANGES", "Range", "ServerSettings", "Settings", "SettingsStore", "Value", "config_folder", "parse_change"]

Value = Union[str, int, float, bool, None]


@dataclass(frozen=True)
class Range:
    """What a number may be: ``low`` to ``high``, both included, in ``unit``. With ``may_be_none``, None is no limit."""

    low: float
    high: float
    unit: str
    may_be_none: bool = False


RANGES: Mapping[str, Range] = MappingProxyType(
    {
        "font_size": Range(8, 40, "pixels"),
        "limit_rounds": Range(1, 200, "rounds"),
        "limit_tokens": Range(1_000, 10_000_000, "tokens", may_be_none=True),
        "limit_cost": Range(0.01, 1_000, "US dollars", may_be_none=True),
        "limit_minutes": Range(1, 1_440, "minutes", may_be_none=True),
        "script_tokens": Range(200, 50_000, "tokens"),
        "conversation_tokens": Range(200, 2_000_000, "tokens", may_be_none=True),
    }
)
_ENVIRONMENT = {
    "NUKE_AI_PANEL_PROVIDER": "provider",
    "NUKE_AI_PANEL_MODEL": "model",
    "NUKE_AI_PANEL_LOCAL_ONLY": "local_only",
    "NUKE_AI_PANEL_LIMIT_ROUNDS": "limit_rounds",
    "NUKE_AI_PANEL_LIMIT_TOKENS": "limit_tokens",
    "NUKE_AI_PANEL_LIMIT_COST": "limit_cost",
    "NUKE_AI_PANEL_LIMIT_MINUTES": "limit_minutes",
    "NUKE_AI_PANEL_SCRIPT_TOKENS": "script_tokens",
    "NUKE_AI_PANEL_CONVERSATION_TOKENS": "conversation_tokens",
}
_YES = frozenset({"1", "true", "yes", "on"})
_NO = frozenset({"0", "false", "no", "off"})
_KINDS: dict[type, str] = {str: "a text", int: "a whole number", float: "a number", bool: "true or false"}
_FIXED = {"environment": "Set by an environment variable", "command line": "Set on the command line"}


@dataclass(frozen=True)
class ServerSettings:
    """One server. ``base_url`` "" is the provider's default address; ``ca_file`` is a PEM file of the studio's authority."""

    base_url: str = ""
    ca_file: str = ""
    enabled: bool = True


@dataclass(frozen=True)
class Settings:
    """What is in force. ``provider`` and ``model`` "" mean: the first that answers. ``font_size`` is pixels.

    ``auto_fix`` lets a script that fails its review go back to the model by itself. ``policy_file`` names the studio's rules
    for generated work, ``tools_folder`` and ``prompts_folder`` further folders (a studio's) of saved tools and prompts.

    ``limit_…`` is the most that a model with tools may use for one prompt: rounds, tokens sent and written, US dollars,
    minutes. ``script_tokens`` and ``conversation_tokens`` are the most of the script and of the conversation so far that goes
    along with a prompt. None is no limit.
    """

    provider: str = ""
    model: str = ""
    servers: Mapping[str, ServerSettings] = field(default_factory=dict)
    font_size: int = 13
    local_only: bool = False
    auto_fix: bool = True
    policy_file: str = ""
    tools_folder: str = ""
    prompts_folder: str = ""
    limit_rounds: int = 12
    limit_tokens: int | None = 400_000
    limit_cost: float | None = 2.0
    limit_minutes: int | None = 15
    script_tokens: int = 2_000
    conversation_tokens: int | None = 32_000

    def server(self, provider: str) -> ServerSettings:
        """Return the settings of `provider`, defaults when it has none."""
        return self.servers.get(provider, ServerSettings())

    def address(self, provider: str, typed: str = "") -> str:
        """Return the URL that `provider` is asked at: `typed`, else the one set for it, else its default.

        Raises:
            SettingsError: there is no such provider.
            ValidationError: no address can be made of it, or "local only" is on and it is not on this machine.
        """
        address = registry.resolve_address(provider, typed or self.server(provider).base_url)
        if self.local_only and not registry.is_on_this_machine(address):
            raise ValidationError(
                f"'Local only' is on, and {PROVIDERS[provider].title} at {urlsplit(address).hostname} is not on this "
                "machine. Choose a local model, or switch it off in Settings.",
                field="base_url",
            )
        return address


_DEFAULTS: dict[str, Value] = {each.name: getattr(Settings, each.name) for each in fields(Settings) if each.name != "servers"}
for _name, _made in PROVIDERS.items():
    _DEFAULTS[f"servers.{_name}.base_url"] = ""
    _DEFAULTS[f"servers.{_name}.ca_file"] = ""
    _DEFAULTS[f"servers.{_name}.enabled"] = _made.is_offered
    if _made.address_variable:
        _ENVIRONMENT[_made.address_variable] = f"servers.{_name}.base_url"


def config_folder(environ: Mapping[str, str] | None = None) -> Path:
    """Return the folder of the user's settings; it need not exist.

    ``NUKE_AI_PANEL_CONFIG_DIR`` wins; else the platform's place for settings.
    """
    env = os.environ if environ is None else environ
    if env.get("NUKE_AI_PANEL_CONFIG_DIR"):
        return Path(env["NUKE_AI_PANEL_CONFIG_DIR"])
    if sys.platform == "win32":
        return Path(env.get("APPDATA") or Path.home() / "AppData" / "Roaming") / "nuke-ai-panel"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "nuke-ai-panel"
    return Path(env.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "nuke-ai-panel"


class SettingsStore:
    """Reads and writes the layers. Methods read files: call them from a worker when a UI is running.

    ``overrides`` is the top layer, for the choices of one run; a key that the studio has locked stays locked.
    """

    def __init__(
        self,
        path: Path | None = None,
        *,
        environ: Mapping[str, str] | None = None,
        overrides: Mapping[str, Value] | None = None,
    ) -> None:
        self._overrides = {key: _checked(key, value, "the command line") for key, value in (overrides or {}).items()}
        self._environ = os.environ if environ is None else environ
        self.path = path or config_folder(self._environ) / "settings.json"
        self._locked: frozenset[str] = frozenset()
        self._sources: Mapping[str, str] = {}
        self._given = _settings_of(_DEFAULTS)

    @property
    def locked_keys(self) -> frozenset[str]:
        """Keys that the studio has fixed, as of the last :meth:`load`."""
        return self._locked

    def source(self, key: str) -> str:
        """Return the layer that decided `key` in the last :meth:`load`: default, studio, user, environment or command line."""
        return self._sources.get(key, "default")

    def fixed_by(self, key: str) -> str:
        """Return who has fixed `key`, as words to show, as of the last :meth:`load`; "" when the user may change it."""
        return "Set by your studio" if key in self._locked else _FIXED.get(self.source(key), "")

    @property
    def given(self) -> Settings:
        """What is in force where the user chooses nothing: the studio's, else the defaults. As of the last :meth:`load`."""
        return self._given

    def load(self) -> Settings:
        """Merge the layers and return what is in force.

        Raises:
            SettingsError: a file is not readable JSON of known keys, naming the file and the key.
        """
        studio, locked = self._studio_layer()
        values = dict(_DEFAULTS)
        of_studio = {**values, **studio}
        _enable_addressed(of_studio, studio)
        given = _settings_of(of_studio)
        sources: dict[str, str] = {}
        layers = (
            ("studio", studio),
            ("user", self._file_layer(self.path)),
            ("environment", self._environment_layer()),
            ("command line", self._overrides),
        )
        for name, layer in layers:
            for key, value in layer.items():
                if name != "studio" and key in locked:
                    continue
                values[key] = value
                sources[key] = name
        _enable_addressed(values, sources)
        self._locked = locked
        self._sources = sources
        self._given = given
        return _settings_of(values)

    def save(self, changes: Mapping[str, Value], *, forget: Collection[str] = ()) -> Settings:
        """Write `changes` to the user's file, keep its other keys, and return what is in force then.

        Keys to `forget` leave the file: what the studio or the program gives is in force again, and followed when it changes.

        Raises:
            SettingsError: an unknown or locked key, a value of the wrong type, or a file that cannot be written.
        """
        _, locked = self._studio_layer()
        layer = dict(self._file_layer(self.path))
        for key, value in changes.items():
            if key in locked:
                raise SettingsError(f"{key!r} is set by your studio and cannot be changed here.")
            layer[key] = _checked(key, value, "the change")
        for key in forget:
            layer.pop(key, None)
        text = json.dumps(layer, indent=2, sort_keys=True) + "\n"
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            handle, temporary = tempfile.mkstemp(dir=self.path.parent, prefix=".settings-")
            with os.fdopen(handle, "w", encoding="utf-8") as stream:
                stream.write(text)
            os.replace(temporary, self.path)
        except OSError as error:
            raise SettingsError(
                f"Cannot write {str(self.path)!r}: {error.strerror}. Check the folder's permissions."
            ) from error
        return self.load()

    def _studio_layer(self) -> tuple[dict[str, Value], frozenset[str]]:
        name = self._environ.get("NUKE_AI_PANEL_STUDIO_SETTINGS", "")
        if not name:
            return {}, frozenset()
        path = Path(name)
        if not os.path.isfile(path):
            raise SettingsError(f"The studio settings file {name!r} does not exist. Check NUKE_AI_PANEL_STUDIO_SETTINGS.")
        data = _json_object(path)
        locked = data.pop("locked", [])
        if not isinstance(locked, list) or not all(isinstance(key, str) for key in locked):
            raise SettingsError(f"'locked' in {name!r} must be a list of keys.")
        unknown = sorted(set(locked) - set(_DEFAULTS))
        if unknown:
            raise SettingsError(f"'locked' in {name!r} names an unknown key {unknown[0]!r}.")
        return {key: _checked(key, value, name) for key, value in data.items()}, frozenset(locked)

    def _file_layer(self, path: Path) -> dict[str, Value]:
        try:
            is_there = stat.S_ISREG(os.stat(path).st_mode)
        except (FileNotFoundError, NotADirectoryError):
            is_there = False
        except OSError as error:
            # Left out of account, what they forbid would be allowed.
            raise SettingsError(
                f"Cannot read {str(path)!r}: {error.strerror}. Check the folder's permissions, or name another folder in"
                " NUKE_AI_PANEL_CONFIG_DIR."
            ) from error
        if not is_there:
            return {}
        return {key: _checked(key, value, str(path)) for key, value in _json_object(path).items()}

    def _environment_layer(self) -> dict[str, Value]:
        layer: dict[str, Value] = {}
        for variable, key in _ENVIRONMENT.items():
            text = self._environ.get(variable, "").strip()
            if not text:
                continue
            layer[key] = _checked(key, _parsed(key, text), f"the environment variable {variable}")
        model = str(layer.get("model", ""))
        provider, slash, rest = model.partition("/")
        if slash and provider in PROVIDERS and "provider" not in layer:
            layer["provider"], layer["model"] = provider, rest
        return layer


def _json_object(path: Path) -> dict[str, object]:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"Cannot read {str(path)!r}: {error.strerror}.") from error
    except ValueError as error:
        raise SettingsError(
            f"{str(path)!r} is not valid JSON ({error}). Correct it, or move it away to start afresh."
        ) from error
    if not isinstance(data, dict):
        raise SettingsError(f"{str(path)!r} must hold a JSON object. Correct it, or move it away to start afresh.")
    return data


def parse_change(text: str) -> tuple[str, Value]:
    """Read ``KEY=VALUE`` as a person writes it; the value ``none`` is no limit.

    Raises:
        SettingsError: there is no such key, or it may not have this value.
    """
    key, _, value = text.partition("=")
    key = key.strip()
    return key, _checked(key, _parsed(key, value.strip()), "the command line")


def _parsed(key: str, text: str) -> Value:
    """Return the value that `text` stands for; where it stands for none, the text itself, which is refused then."""
    default = _DEFAULTS.get(key, "")
    if isinstance(default, bool):
        return True if text.lower() in _YES else False if text.lower() in _NO else text
    if isinstance(default, str):
        return text
    if text.lower() in ("none", "null"):
        return None
    try:
        return int(text) if isinstance(default, int) else float(text)
    except ValueError:
        return text


def _checked(key: str, value: object, where: str) -> Value:
    if key not in _DEFAULTS:
        raise SettingsError(f"Unknown setting {key!r} in {where}. Known: {', '.join(sorted(_DEFAULTS))}.")
    wanted = type(_DEFAULTS[key])
    allowed = RANGES.get(key)
    if allowed is None:
        if not isinstance(value, (str, bool)) or not isinstance(value, wanted):
            raise SettingsError(f"{key!r} in {where} must be {_KINDS[wanted]}, not {value!r}.")
        return value
    none = ", or null for no limit" if allowed.may_be_none else ""
    if value is None and none:
        return None
    # bool is an int to Python, but font_size true is a mistake
    if isinstance(value, bool) or not isinstance(value, (int, float)) or (wanted is int and isinstance(value, float)):
        raise SettingsError(f"{key!r} in {where} must be {_KINDS[wanted]}{none}, not {value!r}.")
    if not allowed.low <= value <= allowed.high:
        span = f"between {allowed.low:,} and {allowed.high:,} {allowed.unit}"
        raise SettingsError(f"{key!r} in {where} must be {span}{none}, not {value!r}.")
    return value


def _enable_addressed(values: dict[str, Value], said: Collection[str]) -> None:
    """Enable each server that somebody has given an address, unless somebody has `said` whether it is."""
    for name in PROVIDERS:
        address, enabled = f"servers.{name}.base_url", f"servers.{name}.enabled"
        if address in said and values[address] and enabled not in said:
            values[enabled] = True


def _settings_of(values: Mapping[str, Value]) -> Settings:
    servers = {
        name: ServerSettings(
            base_url=str(values[f"servers.{name}.base_url"]),
            ca_file=str(values[f"servers.{name}.ca_file"]),
            enabled=bool(values[f"servers.{name}.enabled"]),
        )
        for name in PROVIDERS
    }
    rest = {key: value for key, value in values.items() if not key.startswith("servers.")}
    return Settings(servers=MappingProxyType(servers), **rest)  # type: ignore[arg-type]
