"""The steps of the connection test, one after another over the same server."""

from __future__ import annotations

import asyncio
import difflib
import socket
import ssl
import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Literal

from nuke_ai_panel.errors import APIError, ConnectionFailedError, RequestTimeoutError
from nuke_ai_panel.messages import ChatRequest, Finished, Message, ModelInfo, ModelLoading, ReasoningDelta, TextDelta
from nuke_ai_panel.net.address import host_and_port, is_loopback, shown_base
from nuke_ai_panel.net.failures import connection_failure
from nuke_ai_panel.net.lookup import NameLookup
from nuke_ai_panel.net.session import proxy_for, ssl_context
from nuke_ai_panel.providers.base import Server
from nuke_ai_panel.providers.http_provider import HttpProvider
from nuke_ai_panel.providers.registry import create, default_address, provider_class

__all__ = ["ConnectionChecks", "Finding"]

_LOOKUP = 5.0
_SLOW_FIRST_TOKEN = 5.0
_CERTIFICATE_DAYS = 14


@dataclass(frozen=True)
class Finding:
    """What a step has found: news while it runs, then its outcome."""

    state: Literal["running", "passed", "warning", "failed", "not_reached"]
    text: str = ""
    next_step: str = ""


class ConnectionChecks:
    """The steps of one test. Run them in their order, on one loop; each builds on what those before it found."""

    def __init__(self, name: str, server: Server, model: str) -> None:
        self._name = name
        self._server = server
        self._model = model.strip()
        self._url = ""
        self._host = ""
        self._port = 0
        self._proxy = ""
        self._addresses: list[str] = []
        self._provider: HttpProvider | None = None

    def run(self, step: str) -> AsyncGenerator[Finding, None]:
        """Run `step` and yield its findings; the last one is its outcome.

        Raises:
            NukeAIPanelError: the step failed.
        """
        steps = {
            "address": self._check_address,
            "lookup": self._check_lookup,
            "connection": self._check_connection,
            "encryption": self._check_encryption,
            "models": self._check_models,
            "first_token": self._check_first_token,
        }
        return steps[step]()

    async def aclose(self) -> None:
        """Close what is open. May be called twice."""
        provider, self._provider = self._provider, None
        if provider is not None:
            await provider.aclose()

    async def _check_address(self) -> AsyncGenerator[Finding, None]:
        key = self._server.key.strip()
        if "://" in key:
            yield Finding(
                "failed", "The key field holds a web address.", "Put the key there, and the address into its own field."
            )
            return
        self._url, note = provider_class(self._name).heal_address(self._server.base_url.strip() or default_address(self._name))
        provider = create(self._name, self._server)
        assert isinstance(provider, HttpProvider)
        self._provider = provider
        self._host, self._port = host_and_port(self._url)
        shown = shown_base(self._url) + (f" ({note})" if note else "")
        loop = asyncio.get_running_loop()
        self._proxy = (await loop.run_in_executor(None, proxy_for, self._url))[0]
        if key and self._url.startswith("http://") and not is_loopback(self._host):
            yield Finding("warning", f"{shown}. The key travels unencrypted.", "Use https:// where the server offers it.")
        elif key.startswith("sk-or-") and not provider.needs_key:
            yield Finding(
                "warning",
                f"{shown}. This looks like a key of OpenRouter, for another server.",
                "Check the address and the key.",
            )
        elif provider.needs_key and not key:
            yield Finding("failed", f"{provider.title} needs a key, and none is set.", "Add the key.")
        else:
            yield Finding("passed", shown)

    async def _check_lookup(self) -> AsyncGenerator[Finding, None]:
        host, port = self._next_hop()
        deadline = min(_LOOKUP, self._server.deadlines.connect)
        failure: APIError | None = None
        try:
            found = await asyncio.wait_for(NameLookup().resolve(host, port, socket.AF_UNSPEC), deadline)
        except asyncio.TimeoutError:
            failure = RequestTimeoutError(
                f"The name server did not answer within {deadline:g} s.", next_step="Check the network, or your VPN."
            )
        except (OSError, UnicodeError):
            failure = ConnectionFailedError(f"No such host: {host}.", next_step="Check the spelling, or your VPN.")
        if failure is not None:
            raise failure
        self._addresses = list(dict.fromkeys(entry["host"] for entry in found))
        shown = ", ".join(self._addresses[:3]) + (", …" if len(self._addresses) > 3 else "")
        yield Finding("passed", f"{shown} (of the proxy {self._proxy})" if self._proxy else shown)

    async def _check_connection(self) -> AsyncGenerator[Finding, None]:
        _, port = self._next_hop()
        failures: list[APIError] = []
        for address in self._addresses:
            failure = await self._connect(address, port)
            if failure is None:
                through = f" through the proxy {self._proxy}" if self._proxy else ""
                yield Finding("passed", f"{address} port {port}{through}")
                return
            failures.append(failure)
            if len(failures) < len(self._addresses):
                yield Finding("running", f"{address} does not answer; trying the next address.")
        # A host with both kinds of address fails in both; the refusal says more than the unreachable one.
        failures.sort(key=lambda failure: failure.kind != "connection_refused")
        raise failures[0]

    async def _check_encryption(self) -> AsyncGenerator[Finding, None]:
        if not self._url.startswith("https://"):
            yield Finding("passed", "not used (http)")
            return
        loop = asyncio.get_running_loop()
        context = await loop.run_in_executor(None, ssl_context, self._server.ca_file)
        if self._proxy:
            yield Finding("passed", f"through the proxy {self._proxy}; the next step checks the certificate")
            return
        failure: APIError | None = None
        writer: asyncio.StreamWriter | None = None
        try:
            _, writer = await asyncio.wait_for(
                asyncio.open_connection(self._host, self._port, ssl=context, server_hostname=self._host),
                self._server.deadlines.connect,
            )
        except asyncio.TimeoutError:
            failure = ConnectionFailedError(
                f"{self._host}:{self._port} does not answer the greeting of TLS.",
                next_step="Try the address with http://, or another port.",
            )
        except OSError as error:
            failure = self._failure(error)
        if writer is None:
            assert failure is not None
            raise failure
        try:
            version, issuer, expiry = _certificate(writer.get_extra_info("ssl_object"))
        finally:
            writer.transport.abort()
        days = None if expiry is None else (expiry - time.time()) / 86400
        until = "" if expiry is None else f", valid until {time.strftime('%Y-%m-%d', time.gmtime(expiry))}"
        text = f"{version}, issued by {issuer}{until}"
        if days is not None and days < _CERTIFICATE_DAYS:
            yield Finding(
                "warning", f"{text}. The certificate expires in {max(0, int(days))} days.", "Tell the server's administrator."
            )
        else:
            yield Finding("passed", text)

    async def _check_models(self) -> AsyncGenerator[Finding, None]:
        assert self._provider is not None
        access = await self._provider.check_access()
        models = await self._provider.list_models()
        start = f"{access}; " if access else ""
        count = f"{start}1 model" if len(models) == 1 else f"{start}{len(models)} models"
        if not models:
            yield Finding("warning", f"{count}.", self._provider.no_model_hint)
            return
        if not self._model:
            if not self._provider.needs_key:
                self._model = models[0].name
            yield Finding("passed", f"{count}.")
            return
        if self._find(models) is None:
            raise self._missing(models)
        yield Finding("passed", f"{count}, {self._model} among them.")

    async def _check_first_token(self) -> AsyncGenerator[Finding, None]:
        assert self._provider is not None
        if not self._model:
            yield Finding("not_reached", "Choose a model to test an answer.")
            return
        request = ChatRequest(self._model, (Message("user", "Say OK."),), max_tokens=16)
        started = time.perf_counter()
        events = self._provider.stream(request)
        try:
            async for event in events:
                if isinstance(event, ModelLoading):
                    yield Finding("running", f"The model is being loaded ({event.seconds:.0f} s so far).")
                elif isinstance(event, (TextDelta, ReasoningDelta)):
                    seconds = time.perf_counter() - started
                    text = f"{self._model} after {seconds * 1000:.0f} ms"
                    if seconds > _SLOW_FIRST_TOKEN:
                        yield Finding(
                            "warning", f"{text}.", "The first answer is slow; later ones are faster once the model is loaded."
                        )
                    else:
                        yield Finding("passed", text)
                    return
                elif isinstance(event, Finished):
                    yield Finding("warning", f"{self._model} answered without any text.", "Try another model.")
        finally:
            await events.aclose()

    def _next_hop(self) -> tuple[str, int]:
        return host_and_port(self._proxy) if self._proxy else (self._host, self._port)

    async def _connect(self, address: str, port: int) -> APIError | None:
        failure: APIError | None = None
        try:
            _, writer = await asyncio.wait_for(asyncio.open_connection(address, port), self._server.deadlines.connect)
            writer.transport.abort()
        except (OSError, asyncio.TimeoutError) as error:
            failure = self._failure(error)
        return failure

    def _failure(self, error: BaseException) -> APIError:
        host, port = self._next_hop()
        assert self._provider is not None
        return connection_failure(
            error,
            provider=self._name,
            title=self._provider.title,
            host=host,
            port=port,
            connect=self._server.deadlines.connect,
            start=self._provider.start_hint,
        )

    def _find(self, models: list[ModelInfo]) -> ModelInfo | None:
        made = provider_class(self._name)
        return next((model for model in models if made.is_same_model(self._model, model.name)), None)

    def _missing(self, models: list[ModelInfo]) -> APIError:
        close = difflib.get_close_matches(self._model, [model.name for model in models], n=1)
        other = provider_class(self._name).get_model_hint
        return APIError(
            f"{self._model!r} is not on this server.",
            provider=self._name,
            kind="model_not_found",
            next_step=f"Did you mean {close[0]}?" if close else other,
        )


def _certificate(connection: ssl.SSLObject) -> tuple[str, str, float | None]:
    """Return the TLS version, who issued the certificate, and when it expires in seconds since the epoch."""
    found = connection.getpeercert() or {}
    names: dict[str, str] = {}
    issuer = found.get("issuer", ())
    for part in issuer if isinstance(issuer, tuple) else ():
        for pair in part if isinstance(part, tuple) else ():
            if isinstance(pair, tuple) and len(pair) == 2:
                names[str(pair[0])] = str(pair[1])
    expiry = found.get("notAfter")
    return (
        connection.version() or "TLS",
        names.get("organizationName") or names.get("commonName") or "an unnamed authority",
        ssl.cert_time_to_seconds(expiry) if isinstance(expiry, str) else None,
    )
