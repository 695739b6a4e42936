"""The rows of the table that end before a request is sent: names, addresses, TLS, proxies. For each provider."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import datetime
import socket
import ssl
import sys
import threading

import pytest
import trustme

from nuke_ai_panel.messages import TextDelta
from nuke_ai_panel.providers.base import Deadlines, Server
from nuke_ai_panel.providers.registry import create
from tests.faults.fault_modes import MODES
from tests.faults.fault_proxy import FaultProxy
from tests.faults.fault_server import WIRES, FaultServer
from tests.faults.fault_table import CONNECTING, Answer
from tests.faults.test_fault_table import ASK, KEY, PROMPT, WIRE_OF, Result, assert_failed_well

# Before Python 3.11 a TLS transport whose connection broke complains that nobody closed it; there is nothing left to close.
pytestmark = (
    [pytest.mark.filterwarnings("ignore:.*_SSLProtocolTransport.__del__:pytest.PytestUnraisableExceptionWarning")]
    if sys.version_info < (3, 11)
    else []
)

CONNECT = 0.6
FAR = "far.invalid"


class Stage:
    """What a scenario sets up, and the one call it makes."""

    def __init__(self, name, tmp_path, monkeypatch):
        self.name = name
        self.wire = WIRE_OF[name]
        self.tmp_path = tmp_path
        self.monkeypatch = monkeypatch
        self.connect = 20.0
        self.result = Result()
        self.servers = []
        self.names = {}
        self.released = threading.Event()
        self._stack = contextlib.AsyncExitStack()
        self._real = socket.getaddrinfo
        monkeypatch.setattr(socket, "getaddrinfo", self._look_up)

    def _look_up(self, host, port, *args, **more):
        known = self.names.get(host)
        if known is None:
            return self._real(host, port, *args, **more)
        if known == "never":
            self.released.wait(60)
            raise socket.gaierror(socket.EAI_AGAIN, "released")
        family = {True: socket.AF_INET6, False: socket.AF_INET}
        return [
            (family[":" in each], socket.SOCK_STREAM, 6, "", (each, port, *((0, 0) if ":" in each else ()))) for each in known
        ]

    async def server(self, mode=None, **more):
        """Start a model server; `mode` is played on its connections before anything is read."""
        server = FaultServer(self.wire, MODES, on_accept=MODES[mode] if mode else None, **more)
        self.servers.append(await self._stack.enter_async_context(server))
        return server

    async def proxy(self, *args, scheme="http", user="", **more):
        """Start a proxy and put it into the environment."""
        proxy = await self._stack.enter_async_context(FaultProxy(*args, **more))
        self.use_proxy(proxy.port, scheme, user)
        return proxy

    def use_proxy(self, port, scheme, user=""):
        self.monkeypatch.setenv(f"{scheme}_proxy", f"http://{user + '@' if user else ''}127.0.0.1:{port}")

    def tls(self, certificate, authority=None):
        """Return a server's context, and the CA file that knows it."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        certificate.configure_cert(context)
        path = self.tmp_path / "ca.pem"
        if authority is not None:
            authority.cert_pem.write_to_path(str(path))
        return context, str(path)

    async def call(self, url, ca_file="", mode="healthy"):
        """Ask once and note how it ended."""
        deadlines = Deadlines(connect=self.connect, first_byte=20, call=20, silence=20)
        provider = create(self.name, Server(f"{url}/chat/{mode}{WIRES[self.wire].prefix}", KEY, ca_file, deadlines))
        loop = asyncio.get_running_loop()
        began = loop.time()
        texts = []
        try:
            async for event in provider.stream(ASK):
                if isinstance(event, TextDelta):
                    texts.append(event.text)
        except Exception as error:
            self.result.error = error
        self.result.text = "".join(texts)
        self.result.seconds = loop.time() - began
        await provider.aclose()

    async def leave(self):
        for server in self.servers:
            if server.accepted.open:
                await asyncio.wait({asyncio.ensure_future(server.accepted.all_gone.wait())}, timeout=5)
            self.result.connections_left += server.accepted.open
        self.result.requests = sum(tally.requests for server in self.servers for tally in server.tallies.values())
        self.released.set()
        await self._stack.aclose()


SCENARIOS = {}


def scenario(function):
    SCENARIOS[function.__name__] = function
    return function


@pytest.mark.parametrize("name", WIRE_OF)
@pytest.mark.parametrize("cell", [pytest.param(cell, id=f"{cell.group}-{cell.name}") for cell in CONNECTING])
async def test_connection_fault_ends_as_the_table_says(name, cell, tmp_path, monkeypatch):
    stage = Stage(name, tmp_path, monkeypatch)
    try:
        await SCENARIOS[cell.name](stage)
    finally:
        await stage.leave()
    result, expected = stage.result, cell.on(WIRE_OF[name])
    if isinstance(expected, Answer):
        if result.error is not None:
            raise result.error
        assert result.text == expected.text
    else:
        import traceback

        shown = "".join(traceback.format_exception(None, result.error, result.error.__traceback__)) if result.error else ""
        assert_failed_well(name, result, expected, shown)
    assert result.requests == expected.requests
    assert result.connections_left == 0
    assert result.seconds < 10


def test_every_row_has_its_scenario():
    assert sorted(SCENARIOS) == sorted(cell.name for cell in CONNECTING)


# names and addresses


def unused_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def has_ipv6():
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


@contextlib.contextmanager
def black_hole(address, port=0):
    """An address that takes no connection and refuses none: its queue is full and nobody empties it."""
    if not sys.platform.startswith("linux"):
        pytest.skip("how a full queue behaves, and whether loopback has further addresses, is particular to Linux")
    with contextlib.ExitStack() as stack:
        listening = stack.enter_context(socket.socket())
        listening.bind((address, port))
        listening.listen(0)
        for _ in range(8):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(listening.getsockname())
        yield listening.getsockname()[1]


@scenario
async def nothing_listens(stage):
    await stage.call(f"http://127.0.0.1:{unused_port()}")


@scenario
async def no_such_host(stage):
    await stage.call("http://nowhere.invalid:8000")


@scenario
async def name_that_is_none(stage):
    await stage.call(f"http://{'a' * 70}.invalid:8000")


@scenario
async def lookup_never_ends(stage):
    stage.names[FAR] = "never"
    stage.connect = CONNECT
    for _ in range(3):
        await stage.call(f"http://{FAR}:8000")
    hanging = [each for each in threading.enumerate() if each.name == "nuke-ai-panel-lookup"]
    assert len(hanging) == 1, "every call started a thread of its own"
    assert hanging[0].daemon, "the end of the program would wait for it"


@scenario
async def ipv6(stage):
    if not has_ipv6():
        pytest.skip("this machine has no IPv6 loopback")
    server = await stage.server(host="::1")
    await stage.call(server.origin)


@scenario
async def first_address_refuses(stage):
    server = await stage.server()
    stage.names[FAR] = ["127.0.0.2", "127.0.0.1"]
    await stage.call(f"http://{FAR}:{server.port}")


@scenario
async def first_address_is_silent(stage):
    server = await stage.server()
    with black_hole("127.0.0.2", server.port):
        stage.names[FAR] = ["127.0.0.2", "127.0.0.1"]
        await stage.call(f"http://{FAR}:{server.port}")
    assert stage.result.seconds < 5


@scenario
async def first_address_is_dead_ipv6(stage):
    server = await stage.server()
    stage.names[FAR] = ["::1", "127.0.0.1"]
    await stage.call(f"http://{FAR}:{server.port}")


@scenario
async def every_address_refuses(stage):
    stage.names[FAR] = ["127.0.0.2", "127.0.0.1"]
    await stage.call(f"http://{FAR}:{unused_port()}")


@scenario
async def every_address_is_silent(stage):
    stage.connect = CONNECT
    with black_hole("127.0.0.2") as port, black_hole("127.0.0.3", port):
        stage.names[FAR] = ["127.0.0.2", "127.0.0.3"]
        await stage.call(f"http://{FAR}:{port}")


# TLS

AUTHORITY = trustme.CA()
NOW = datetime.datetime.now(datetime.timezone.utc)


@scenario
async def studio_authority(stage):
    context, ca_file = stage.tls(AUTHORITY.issue_cert("127.0.0.1"), AUTHORITY)
    server = await stage.server(tls=context)
    await stage.call(server.origin, ca_file)


@scenario
async def unknown_authority(stage):
    context, _ = stage.tls(AUTHORITY.issue_cert("127.0.0.1"))
    server = await stage.server(tls=context)
    await stage.call(server.origin)


@scenario
async def self_signed(stage):
    stranger = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    path = stage.tmp_path / "self.pem"
    path.write_bytes(stranger.cert_pem.bytes() + stranger.private_key_pem.bytes())
    context.load_cert_chain(str(path))
    server = await stage.server(tls=context)
    await stage.call(server.origin)


@scenario
async def other_name(stage):
    context, ca_file = stage.tls(AUTHORITY.issue_cert("other.invalid"), AUTHORITY)
    server = await stage.server(tls=context)
    stage.names[FAR] = ["127.0.0.1"]
    await stage.call(f"https://{FAR}:{server.port}", ca_file)


@scenario
async def other_address(stage):
    context, ca_file = stage.tls(AUTHORITY.issue_cert("127.0.0.9"), AUTHORITY)
    server = await stage.server(tls=context)
    await stage.call(server.origin, ca_file)


@scenario
async def expired(stage):
    past = NOW - datetime.timedelta(days=1)
    certificate = AUTHORITY.issue_cert("127.0.0.1", not_before=past - datetime.timedelta(days=1), not_after=past)
    context, ca_file = stage.tls(certificate, AUTHORITY)
    server = await stage.server(tls=context)
    await stage.call(server.origin, ca_file)


@scenario
async def not_yet_valid(stage):
    future = NOW + datetime.timedelta(days=1)
    certificate = AUTHORITY.issue_cert("127.0.0.1", not_before=future, not_after=future + datetime.timedelta(days=1))
    context, ca_file = stage.tls(certificate, AUTHORITY)
    server = await stage.server(tls=context)
    await stage.call(server.origin, ca_file)


@scenario
async def ca_file_missing(stage):
    await stage.call("https://127.0.0.1:9", str(stage.tmp_path / "none.pem"))


@scenario
async def https_at_an_http_port(stage):
    server = await stage.server()
    await stage.call(server.origin.replace("http:", "https:"))


@scenario
async def http_at_an_https_port(stage):
    context, _ = stage.tls(AUTHORITY.issue_cert("127.0.0.1"))
    server = await stage.server(tls=context)
    await stage.call(server.origin.replace("https:", "http:"))


@scenario
async def handshake_stalls(stage):
    stage.connect = CONNECT
    server = await stage.server("stall_before_headers")
    await stage.call(server.origin.replace("http:", "https:"))


@scenario
async def handshake_refused(stage):
    server = await stage.server("tls_alert")
    await stage.call(server.origin.replace("http:", "https:"))


@scenario
async def handshake_broken(stage):
    server = await stage.server("reset_before_headers")
    await stage.call(server.origin.replace("http:", "https:"))


@scenario
async def cut_without_goodbye(stage):
    context, ca_file = stage.tls(AUTHORITY.issue_cert("127.0.0.1"), AUTHORITY)
    server = await stage.server(tls=context)
    await stage.call(server.origin, ca_file, "reset_after_text")


# proxies


def unread(stage, proxy):
    """Fail if the proxy has seen what is for the server only."""
    for request in proxy.received:
        seen = f"{request.target} {request.headers} {request.body!r}"
        assert KEY not in seen
        assert PROMPT not in seen


@scenario
async def plain_proxy(stage):
    server = await stage.server()
    proxy = await stage.proxy(server.port)
    await stage.call(f"http://{FAR}:8000")
    assert all(request.target.startswith(f"http://{FAR}:8000/") for request in proxy.received)


@scenario
async def tunnel(stage):
    context, ca_file = stage.tls(AUTHORITY.issue_cert(FAR), AUTHORITY)
    server = await stage.server(tls=context)
    proxy = await stage.proxy(server.port, scheme="https")
    await stage.call(f"https://{FAR}:8443", ca_file)
    assert {(request.method, request.target) for request in proxy.received} == {("CONNECT", f"{FAR}:8443")}
    unread(stage, proxy)


def received_headers(stage):
    return [request.headers for server in stage.servers for tally in server.tallies.values() for request in tally.received]


@scenario
async def plain_proxy_with_login(stage):
    server = await stage.server()
    await stage.proxy(server.port, login="me:p@ss", user="me:p%40ss")
    await stage.call(f"http://{FAR}:8000")


@scenario
async def tunnel_with_login(stage):
    context, ca_file = stage.tls(AUTHORITY.issue_cert(FAR), AUTHORITY)
    server = await stage.server(tls=context)
    proxy = await stage.proxy(server.port, scheme="https", login="me:p@ss", user="me:p%40ss")
    await stage.call(f"https://{FAR}:8443", ca_file)
    unread(stage, proxy)
    login = base64.b64encode(b"me:p@ss").decode()
    assert login not in str(received_headers(stage)), "the proxy's login went on to the server"


@scenario
async def plain_proxy_wants_login(stage):
    server = await stage.server()
    await stage.proxy(server.port, login="me:secret", user="me:wrong")
    await stage.call(f"http://{FAR}:8000")
    assert "wrong" not in str(stage.result.error)


@scenario
async def tunnel_wants_login(stage):
    server = await stage.server()
    proxy = await stage.proxy(server.port, scheme="https", login="me:secret")
    await stage.call(f"https://{FAR}:8443")
    unread(stage, proxy)


@scenario
async def tunnel_refused(stage):
    await stage.proxy(scheme="https", fault=b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
    await stage.call(f"https://{FAR}:8443")


@scenario
async def tunnel_fails(stage):
    await stage.proxy(scheme="https", fault=b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
    await stage.call(f"https://{FAR}:8443")


@scenario
async def proxy_is_dead(stage):
    stage.use_proxy(unused_port(), "https")
    await stage.call(f"https://{FAR}:8443")


@scenario
async def proxy_is_silent(stage):
    stage.connect = CONNECT
    proxy = await stage.proxy(scheme="https", fault=b"")
    await stage.call(f"https://{FAR}:8443")
    for _ in range(100):
        if not proxy.open:
            break
        await asyncio.sleep(0.02)
    assert proxy.open == 0, "the proxy still has a connection"


@scenario
async def proxy_closes(stage):
    async def close(x):
        await x.close()

    stage.monkeypatch.setitem(MODES, "close_proxy", close)
    server = await stage.server("close_proxy")
    stage.use_proxy(server.port, "https")
    await stage.call(f"https://{FAR}:8443")


@scenario
async def proxy_is_none(stage):
    await stage.proxy(scheme="https", fault=b"SSH-2.0-OpenSSH_9.6\r\n")
    await stage.call(f"https://{FAR}:8443")


@scenario
async def certificate_behind_proxy(stage):
    context, _ = stage.tls(AUTHORITY.issue_cert(FAR))
    server = await stage.server(tls=context)
    await stage.proxy(server.port, scheme="https")
    await stage.call(f"https://{FAR}:8443")
