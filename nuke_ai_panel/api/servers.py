"""Which server a call goes to, and the connections that are kept to it from call to call.

Connections belong to the event loop on which they were made, so there is one :class:`Pool` for each loop that is called on: the
background loop of all sync calls, and each loop of the caller's own for as long as that lives. A pool is closed with its loop,
however the loop ends, and is never used in a forked child.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import os
import threading
import time
import weakref
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeVar, cast

from nuke_ai_panel.aio import in_daemon_thread
from nuke_ai_panel.credentials import ENVIRONMENT, Credentials
from nuke_ai_panel.errors import AuthenticationError, ValidationError
from nuke_ai_panel.providers import registry
from nuke_ai_panel.providers.base import Deadlines, Provider, Secret, Server
from nuke_ai_panel.settings import Settings, SettingsStore

__all__ = ["CONNECTIONS", "MAX_PROVIDERS", "Lease", "Place", "Pool", "Secret", "pool_of_this_loop"]

CONNECTIONS = 256
"""Requests to one server that run at once on one loop; further ones wait."""

MAX_PROVIDERS = 32
"""Servers that one loop keeps connections to; the ones used longest ago go first."""

KEYRING_SECONDS = 10.0
"""How long the keyring is waited for; a call goes on without a key then."""

_SETTINGS_AGE = 2.0
_KEY_AGE = 60.0
_NO_KEY_AGE = 5.0

T = TypeVar("T")


@dataclass(frozen=True)
class Place:
    """Where one call goes. "" and None are looked up in the settings, the environment and the keyring."""

    provider: str
    base_url: str = ""
    key: Secret | None = None
    ca_file: str | None = None
    deadlines: Deadlines = field(default_factory=Deadlines)


class Lease:
    """The right to use a provider; while somebody holds it, the provider's connections are not closed to make room."""

    __slots__ = ("_users", "provider")

    def __init__(self, provider: Provider, users: set[int]) -> None:
        self.provider = provider
        self._users = users
        users.add(id(self))

    def __del__(self) -> None:
        # In whatever thread it is forgotten: a set takes that in one step.
        self._users.discard(id(self))


class _Kept:
    """A provider, who uses it, and when it was leased last, counted in leases."""

    __slots__ = ("provider", "turn", "users")

    def __init__(self, provider: Provider) -> None:
        self.provider = provider
        self.turn = 0
        self.users: set[int] = set()


@dataclass(frozen=True)
class _Read:
    """Settings as they were read, until when they hold, and the addresses that were found by them."""

    settings: Settings
    locked: frozenset[str]
    environment: tuple[object, ...]
    until: float
    addresses: dict[tuple[str, str], str] = field(default_factory=dict)


@dataclass(frozen=True)
class _StoredKey:
    """What the keyring answered, and what it said about that."""

    key: Secret
    explanation: str


def _environment() -> tuple[object, ...]:
    """Return the variables that decide about settings, so that a change of one is noticed at once. For comparison only."""
    # The dict within is asked where there is one: every call does this, and the mapping around it makes text of each value.
    held = getattr(os.environ, "_data", None) if _ENCODED_VARIABLES else None
    return tuple(map(os.environ.get, _VARIABLES)) if held is None else tuple(map(held.get, _ENCODED_VARIABLES))


_VARIABLES = (
    "NUKE_AI_PANEL_STUDIO_SETTINGS",
    "NUKE_AI_PANEL_CONFIG_DIR",
    "NUKE_AI_PANEL_PROVIDER",
    "NUKE_AI_PANEL_MODEL",
    "NUKE_AI_PANEL_LOCAL_ONLY",
    "XDG_CONFIG_HOME",
    "APPDATA",
    "HOME",
    *(made.address_variable for made in registry.PROVIDERS.values() if made.address_variable),
)
# A host may have put a plain dict in its place.
_ENCODED_VARIABLES = tuple(map(os.environ.encodekey, _VARIABLES)) if hasattr(os.environ, "encodekey") else ()


class Pool:
    """The providers that one event loop uses. Its methods are for code on that loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._kept: dict[tuple[str, Server], _Kept] = {}
        # The same by what calls ask for, for as long as the settings hold and nothing is closed.
        self._leased: dict[tuple[str, str, str | None, str], _Kept] = {}
        self._leases = 0
        self._read: _Read | None = None
        self._keys: dict[str, tuple[_StoredKey, float]] = {}
        self._asking: dict[str, asyncio.Future[object]] = {}
        self._keeper: AsyncGenerator[None, None] | None = None
        self._closing: set[asyncio.Task[None]] = set()

    async def lease(self, place: Place, *, after_settings: bool = False) -> Lease:
        """Return the provider that `place` means; `after_settings` spares a second look at them in one call.

        Raises:
            ValidationError: the address cannot be used, is locked by the studio, or leaves this machine with "local only" on.
            SettingsError: a settings file cannot be used.
            AuthenticationError: the key cannot be one.
        """
        if not after_settings or self._read is None:
            await self.settings()
        secret = place.key
        if secret is None:
            # What cannot be called needs no key, which the keyring may take its time for.
            self._address(place)
            secret = await self._key(place.provider)
        asked = (place.provider, place.base_url, place.ca_file, secret)
        kept = self._leased.get(asked)
        if kept is None:
            kept = self._leased[asked] = await self._found(place, secret)
        self._leases = kept.turn = self._leases + 1
        return Lease(kept.provider, kept.users)

    async def _found(self, place: Place, secret: Secret) -> _Kept:
        server = self._server(place, secret)
        if self._keeper is None:
            # asyncio.run and its like close the generators of their loop before they close the loop.
            self._keeper = _keep_until_the_loop_ends(self)
            await self._keeper.asend(None)
        known = (place.provider, server)
        kept = self._kept.get(known)
        if kept is None:
            kept = _Kept(registry.create(place.provider, server))
            self._make_room()
            self._kept[known] = kept
        return kept

    def _server(self, place: Place, secret: Secret) -> Server:
        """Return the server that `place` means by the settings that were read; raises what :meth:`lease` raises."""
        assert self._read is not None
        ca_file = place.ca_file if place.ca_file is not None else self._read.settings.server(place.provider).ca_file
        return Server(base_url=self._address(place), key=secret, ca_file=ca_file, connections=CONNECTIONS)

    def _address(self, place: Place) -> str:
        read = self._read
        assert read is not None
        address = read.addresses.get((place.provider, place.base_url))
        if address is None:
            if place.base_url and f"servers.{place.provider}.base_url" in read.locked:
                allowed = read.settings.address(place.provider)
                if read.settings.address(place.provider, place.base_url) != allowed:
                    raise ValidationError(
                        "The address of this server is set by your studio; leave base_url out.",
                        field="base_url",
                        allowed=allowed,
                    )
            address = read.settings.address(place.provider, place.base_url)
            read.addresses[(place.provider, place.base_url)] = address
        return address

    async def settings(self) -> Settings:
        """Return the settings in force, at most two seconds old. Raises: SettingsError."""
        read, environment = self._read, _environment()
        if read is None or read.environment != environment or read.until < time.monotonic():
            self._read = read = await self._once(f"settings of {environment}", lambda: _load(environment))
            self._leased.clear()
        return read.settings

    async def _key(self, provider: str) -> Secret:
        variable = ENVIRONMENT.get(provider, "")
        if variable and os.environ.get(variable, "").strip():
            return Secret(os.environ[variable].strip())
        known = self._keys.get(provider)
        if known is None or known[1] < time.monotonic():
            stored = await self._once(f"key of {provider}", lambda: _read_key(provider))
            self._keys[provider] = known = (stored, time.monotonic() + (_KEY_AGE if stored.key else _NO_KEY_AGE))
        return known[0].key

    def forget_key(self, provider: str) -> None:
        """Read the key of `provider` afresh with the next call: the server has just refused it."""
        self._keys.pop(provider, None)

    def key_refused(self, lease: Lease, error: AuthenticationError) -> None:
        """Forget the key, and say in `error` where one may come from if none was sent."""
        name = lease.provider.name
        known = self._keys.get(name)
        self.forget_key(name)
        if not lease.provider.server.key:
            variable = ENVIRONMENT.get(name, "")
            ways = f"Pass api_key, or set {variable}." if variable else "Pass api_key."
            error.next_step = f"{ways} {known[0].explanation}".rstrip() if known else ways

    async def _once(self, name: str, work: Callable[[], T]) -> T:
        """Do `work` in a thread, once for all who ask at the same time."""
        asking = self._asking.get(name)
        if asking is None:
            asking = self._asking[name] = asyncio.ensure_future(in_daemon_thread(work))
            asking.add_done_callback(lambda done: self._asked(name, done))
        return await asyncio.shield(cast("Awaitable[T]", asking))

    def _asked(self, name: str, done: asyncio.Future[object]) -> None:
        self._asking.pop(name, None)
        if not done.cancelled():
            # All who asked may have been cancelled meanwhile.
            done.exception()

    def _make_room(self) -> None:
        """Close so many that one more can be kept, if nobody uses them."""
        surplus = len(self._kept) + 1 - MAX_PROVIDERS
        if surplus <= 0:
            return
        self._leased.clear()
        idle = [known for known, kept in self._kept.items() if not kept.users]
        idle.sort(key=lambda known: self._kept[known].turn)
        for known in idle[:surplus]:
            closing = self.loop.create_task(self._kept.pop(known).provider.aclose())
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)

    async def aclose(self) -> None:
        """Close every connection of this loop. May be called twice; a later call opens new ones."""
        self._keeper = None
        kept, self._kept = list(self._kept.values()), {}
        self._leased.clear()
        for each in kept:
            await each.provider.aclose()
        if self._closing:
            await asyncio.wait(set(self._closing))


def _load(environment: tuple[object, ...]) -> _Read:
    store = SettingsStore()
    settings = store.load()
    return _Read(settings, store.locked_keys, environment, time.monotonic() + _SETTINGS_AGE)


def _read_key(provider: str) -> _StoredKey:
    found = Credentials(deadline=KEYRING_SECONDS).read(provider)
    return _StoredKey(Secret(found.value), found.explanation)


async def _keep_until_the_loop_ends(pool: Pool) -> AsyncGenerator[None, None]:
    try:
        yield
    finally:
        await pool.aclose()


# One pool for each loop. A pool hangs on its loop and nowhere else, so that it goes with it.

_pools: weakref.WeakValueDictionary[int, Pool] = weakref.WeakValueDictionary()
_pools_lock = threading.Lock()
_unattached: list[Pool] = []
_of_former_processes: list[Pool] = []


def pool_of_this_loop() -> Pool:
    """Return the pool of the running loop; the first call on a loop makes it."""
    loop = asyncio.get_running_loop()
    pool = _pools.get(id(loop))
    if pool is None or pool.loop is not loop:
        with _pools_lock:
            pool = Pool(loop)
            _pools[id(loop)] = pool
        _close_with_loop(pool)
    return pool


def _close_with_loop(pool: Pool) -> None:
    """Have `pool` closed by ``loop.close()`` where nothing has closed it before.

    A loop that is closed without ``shutdown_asyncgens``, as older test runners and notebooks do, would leave open sockets.
    """
    loop = pool.loop
    close = loop.close

    def closing() -> None:
        _close_on_resting_loop(pool)
        close()

    try:
        loop.close = closing  # type: ignore[method-assign]
    except AttributeError:
        # A loop written in C that takes no attributes; what closes its generators closes the pool.
        _unattached[:] = [each for each in _unattached if not each.loop.is_closed()] + [pool]


def _close_on_resting_loop(pool: Pool) -> None:
    loop = pool.loop
    if not pool._kept or loop.is_closed() or loop.is_running():
        return
    running = asyncio._get_running_loop()

    def run() -> None:
        with contextlib.suppress(Exception):
            loop.run_until_complete(asyncio.wait_for(pool.aclose(), 2.0))

    if running is None:
        run()
        return
    # Another loop runs in this thread, so this one has to take its last steps in another.
    thread = threading.Thread(target=run, name="nuke-ai-panel-closer")
    thread.start()
    thread.join()


def _close_all_at_exit() -> None:
    for pool in list(_pools.values()):
        _close_on_resting_loop(pool)


def _forget_after_fork() -> None:
    global _pools_lock, _pools
    _pools_lock = threading.Lock()
    # Kept for ever: closing the child's copies could reach into what the parent goes on using.
    _of_former_processes.extend(_pools.values())
    _pools = weakref.WeakValueDictionary()


atexit.register(_close_all_at_exit)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_after_fork)
