"""Where the keys of model servers are kept: the system's keyring, overridden by the environment, and memory as the last resort.

Nothing is ever written to a file of ours. Every method blocks, for as long as a locked keyring asks its user for a password:
call them in a worker thread, never on the UI thread or on an event loop.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeVar

from nuke_ai_panel.errors import CredentialError
from nuke_ai_panel.providers.base import Secret
from nuke_ai_panel.providers.registry import PROVIDERS

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend

__all__ = ["ENVIRONMENT", "SERVICE", "Credentials", "Key", "KeySource"]

SERVICE = "nuke-ai-panel"
"""The name under which the keyring files our keys; the user name in it is the provider's registry name."""

ENVIRONMENT: Mapping[str, str] = {name: made.key_variable for name, made in PROVIDERS.items() if made.key_variable}
"""Provider to the environment variable that overrides its stored key."""

KeySource = Literal["environment", "keyring", "memory", "none"]

T = TypeVar("T")


@dataclass(frozen=True)
class Key:
    """A key and where it comes from.

    ``value`` is never shown by ``repr`` and never pickled; "" means that there is none. ``explanation`` is one or two
    sentences for the settings dialog: which variable, which keyring, or why it is only in memory.
    """

    value: str = field(repr=False)
    source: KeySource
    explanation: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "value", Secret(self.value))


class Credentials:
    """Read, write and delete the keys of providers.

    Make one and share it: a key that only memory holds is known to its own object alone. Methods may be called from several
    threads. Never call them on the UI thread: they block.

    Args:
        environ: read instead of the process's environment.
        backend: used instead of the keyring that the system configures.
        deadline: seconds that one answer of the keyring is waited for; unlocking it may need its user to type a password.
    """

    def __init__(
        self, *, environ: Mapping[str, str] | None = None, backend: KeyringBackend | None = None, deadline: float = 60.0
    ) -> None:
        self._environ = os.environ if environ is None else environ
        self._backend = backend
        self._deadline = deadline
        self._memory: dict[str, str] = {}
        self._lock = threading.Lock()

    def read(self, provider: str) -> Key:
        """Return the key of `provider`. A keyring that fails is no error here: the explanation says so."""
        variable = ENVIRONMENT.get(provider, "")
        value = self._environ.get(variable, "").strip() if variable else ""
        if value:
            return Key(value, "environment", f"Set by the environment variable {variable}, which overrides a stored key.")
        with self._lock:
            remembered = self._memory.get(provider, "")
        if remembered:
            return Key(
                remembered, "memory", "Kept in memory only, because the keyring could not take it. It is gone after quitting."
            )
        try:
            stored, where = self._ask(lambda keyring: (keyring.get_password(SERVICE, provider) or "", _name_of(keyring)))
        except CredentialError as error:
            return Key("", "none", str(error))
        if stored:
            return Key(stored, "keyring", f"Kept in the system's keyring ({where}).")
        return Key("", "none", "No key is stored.")

    def write(self, provider: str, value: str) -> Key:
        """Store `value` as the key of `provider` and return where it went.

        Where the keyring cannot take it, it is kept in memory and the explanation says so.

        Raises:
            CredentialError: `value` is empty.
        """
        value = Secret(value).strip()
        if not value:
            raise CredentialError("An empty key cannot be stored. To remove a key, delete it.")

        def store(keyring: KeyringBackend) -> tuple[bool, str]:
            keyring.set_password(SERVICE, provider, str(value))
            # Read back, because the null keyring takes everything and keeps nothing.
            return keyring.get_password(SERVICE, provider) == value, _name_of(keyring)

        try:
            kept, where = self._ask(store)
            reason = "" if kept else f"The system's keyring ({where}) keeps nothing."
        except CredentialError as error:
            reason = str(error)
        if not reason:
            with self._lock:
                self._memory.pop(provider, None)
            return Key(value, "keyring", f"Kept in the system's keyring ({where}).")
        with self._lock:
            self._memory[provider] = value
        return Key(value, "memory", f"{reason} The key is kept in memory only and is gone after quitting.")

    def delete(self, provider: str) -> None:
        """Forget the key of `provider`; no key is no error.

        Raises:
            CredentialError: the keyring did not let go of it.
        """
        with self._lock:
            self._memory.pop(provider, None)

        def remove(keyring: KeyringBackend) -> None:
            if keyring.get_password(SERVICE, provider) is not None:
                keyring.delete_password(SERVICE, provider)

        self._ask(remove)

    def _ask(self, question: Callable[[KeyringBackend], T]) -> T:
        """Return the keyring's answer to `question`, asked in a thread of its own: a keyring can hang for ever."""
        answers: list[T] = []
        failures: list[str] = []

        def ask() -> None:
            try:
                answers.append(question(self._keyring()))
            # Back ends raise errors of D-Bus, of the system or of their own; none of them may hurt more than a missing key.
            except Exception as error:  # noqa: BLE001
                failures.append(_reason(error))

        thread = threading.Thread(target=ask, name="nuke-ai-panel-keyring", daemon=True)
        thread.start()
        thread.join(self._deadline)
        if answers:
            return answers[0]
        if failures:
            raise CredentialError(failures[0])
        raise CredentialError(f"The system's keyring did not answer in {self._deadline:g} s. It may be waiting to be unlocked.")

    def _keyring(self) -> KeyringBackend:
        if self._backend is not None:
            return self._backend
        import keyring

        return keyring.get_keyring()


def _reason(error: Exception) -> str:
    kind = type(error).__name__
    if isinstance(error, ImportError):
        return "The package 'keyring' is not installed."
    if kind == "NoKeyringError":
        return "This system has no keyring that can be used."
    if kind in ("KeyringLocked", "InitError"):
        return "The system's keyring is locked or could not be opened."
    # The text of a foreign error may repeat what it was given, and that is the key.
    return f"The system's keyring failed ({kind})."


def _name_of(keyring: KeyringBackend) -> str:
    return str(getattr(keyring, "name", "") or type(keyring).__module__)
