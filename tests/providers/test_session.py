"""The pooled session: bounded, kept alive, bound to its loop, and never a way out for the key."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys

import pytest
import trustme

from nuke_ai_panel.errors import APIError, ConnectionFailedError
from nuke_ai_panel.messages import ChatRequest, Message
from nuke_ai_panel.net.session import proxy_for, ssl_context
from nuke_ai_panel.providers.base import Deadlines, Server
from nuke_ai_panel.providers.registry import create

KEY = "sk-or-v1-0123456789abcdef-secret"
CHAT = "POST /api/chat"
ASK = ChatRequest("tiny", (Message("user", "Hello"),))
ANSWER = b'{"model":"tiny","message":{"content":"ok"},"done":true}\n'


async def test_many_at_once_share_five_connections(scripted, reply):
    async with scripted({CHAT: reply((ANSWER,), content_type="application/x-ndjson")}) as server:
        provider = create("ollama", Server(server.url))
        answers = await asyncio.gather(*(provider.complete(ASK) for _ in range(60)))
        assert [answer.text for answer in answers] == ["ok"] * 60
        assert server.connections <= 5
        await provider.aclose()


async def test_waiting_for_a_free_connection_is_no_failed_connection(scripted, reply):
    go_on = asyncio.Event()
    async with scripted({CHAT: reply((go_on, ANSWER), content_type="application/x-ndjson")}) as server:
        provider = create("ollama", Server(server.url, deadlines=Deadlines(connect=0.3, first_byte=20)))
        asking = [asyncio.ensure_future(provider.complete(ASK)) for _ in range(8)]
        await asyncio.sleep(1)
        assert not any(task.done() for task in asking)
        go_on.set()
        assert [answer.text for answer in await asyncio.gather(*asking)] == ["ok"] * 8
        await provider.aclose()


async def test_providers_made_outside_the_loop_work_on_it(scripted, reply):
    # A session made on another loop is the source of "Timeout context manager should be used inside a task".
    made = await asyncio.get_running_loop().run_in_executor(None, create, "ollama", Server("http://127.0.0.1:9"))
    async with scripted({CHAT: reply((ANSWER,), content_type="application/x-ndjson")}) as server:
        inside = await asyncio.get_running_loop().run_in_executor(None, create, "ollama", Server(server.url))
        assert (await inside.complete(ASK)).text == "ok"
        await inside.aclose()
    await made.aclose()


async def test_compressed_and_chunked_json_is_read(scripted, reply):
    import gzip

    body = gzip.compress(json.dumps({"models": [{"name": "a"}]}).encode())
    async with scripted({"GET /api/tags": reply((body,), headers={"Content-Encoding": "gzip"})}) as server:
        provider = create("ollama", Server(server.url))
        assert [model.name for model in await provider.list_models()] == ["a"]
        await provider.aclose()


async def test_connection_closed_while_idle_is_replaced(scripted, reply):
    async with scripted({CHAT: [reply((ANSWER,)), reply((scripted.ABORT,)), reply((ANSWER,))]}) as server:
        provider = create("ollama", Server(server.url))
        await provider.complete(ASK)
        # The second request finds its pooled connection dead before any byte, and goes out once more.
        assert (await provider.complete(ASK)).text == "ok"
        assert len(server.asked) == 3
        await provider.aclose()


@pytest.mark.parametrize("size", [1, 30_000, 32_000, 33_000, 70_000, 500_000])
async def test_body_of_any_size_arrives_whole_on_a_fresh_and_on_a_warm_connection(scripted, reply, size):
    request = ChatRequest("tiny", (Message("user", "é" * (size // 2) + "x"),))
    async with scripted({CHAT: reply((ANSWER,), content_type="application/x-ndjson")}) as server:
        provider = create("ollama", Server(server.url))
        for _ in range(3):
            assert (await provider.complete(request)).text == "ok"
        assert [each.body["messages"][0]["content"] for each in server.asked] == [request.messages[0].text] * 3
        assert {each.headers["Content-Length"] for each in server.asked} == {str(len(server.asked[0].raw))}
        assert not any("Transfer-Encoding" in each.headers for each in server.asked)
        assert {each.headers["Content-Type"] for each in server.asked} == {"application/json"}
        await provider.aclose()


async def test_connection_that_takes_nothing_for_a_while_gets_the_whole_request_later(scripted, reply):
    async with scripted({CHAT: reply((ANSWER,), content_type="application/x-ndjson")}) as server:
        provider = create("ollama", Server(server.url))
        await provider.complete(ASK)
        ((idle, _),) = next(iter(provider._session._client.connector._conns.values()))
        # As its transport says when the system takes no more bytes.
        idle.pause_writing()
        asking = asyncio.ensure_future(provider.complete(ASK))
        asyncio.get_running_loop().call_later(0.2, idle.resume_writing)
        assert (await asyncio.wait_for(asking, 30)).text == "ok"
        first, second = server.asked
        assert (first.raw, first.headers) == (second.raw, second.headers)
        assert first.peer == second.peer
        await provider.aclose()


async def test_fresh_connection_that_is_closed_is_not_tried_again(scripted, reply):
    async with scripted({CHAT: reply((scripted.ABORT,))}) as server:
        provider = create("ollama", Server(server.url))
        with pytest.raises(ConnectionFailedError) as caught:
            # A chat would find the connection of the questions before it.
            await provider.load("tiny")
        assert caught.value.kind == "connection_lost"
        assert len(server.asked) == 1
        await provider.aclose()


async def test_trusted_authority_from_a_file_is_used(tmp_path, scripted, reply):
    import ssl

    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    async with scripted({CHAT: reply((ANSWER,), content_type="application/x-ndjson")}, context) as server:
        provider = create("ollama", Server(server.url, ca_file=str(tmp_path / "ca.pem")))
        assert (await provider.complete(ASK)).text == "ok"
        await provider.aclose()
        stranger = create("ollama", Server(server.url, KEY))
        with pytest.raises(ConnectionFailedError) as caught:
            await stranger.complete(ASK)
        await stranger.aclose()
    assert caught.value.kind == "certificate_unknown"
    assert "CA file" in caught.value.next_step


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no process is forked here")
def test_a_process_forked_while_authorities_are_read_reads_them_itself():
    program = """
import os, signal
from nuke_ai_panel.net import pool

# As another thread does that reads them just then.
with pool._contexts_lock:
    child = os.fork()
    if child == 0:
        signal.alarm(30)
        pool.ssl_context("")
        os._exit(7)
raise SystemExit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, cwd=_root())
    assert (done.returncode, done.stderr) == (7, "")


def test_ca_file_may_be_written_from_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "studio.pem"))
    assert ssl_context("~/studio.pem").cert_store_stats()["x509_ca"] == ssl_context("").cert_store_stats()["x509_ca"] + 1
    with pytest.raises(ConnectionFailedError, match=r"'~/gone.pem' cannot be used"):
        ssl_context("~/gone.pem")


def test_one_tls_context_serves_all_servers():
    assert ssl_context("") is ssl_context("")


def test_proxies_are_honoured_but_never_for_this_machine(monkeypatch):
    monkeypatch.setenv("http_proxy", "http://me:p%40ss@proxy.invalid:3128")
    monkeypatch.setenv("https_proxy", "proxy.invalid:3129")
    monkeypatch.setenv("no_proxy", "inside.invalid")
    assert proxy_for("http://server.invalid:11434") == ("http://proxy.invalid:3128", "me", "p@ss")
    assert proxy_for("https://server.invalid/v1") == ("http://proxy.invalid:3129", "", "")
    for local in ("http://127.0.0.1:11434", "http://localhost:1", "http://[::1]:1", "http://inside.invalid"):
        assert proxy_for(local) == ("", "", "")


async def test_request_goes_through_the_proxy(monkeypatch, scripted, reply):
    async with scripted({"GET /api/tags": reply((b'{"models":[{"name":"far"}]}',))}) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        provider = create("ollama", Server("http://far.invalid:11434"))
        assert [model.name for model in await provider.list_models()] == ["far"]
        await provider.aclose()
        assert proxy.received[0].headers["Host"] == "far.invalid:11434"


async def test_proxy_that_is_down_is_named(monkeypatch, unused_port):
    monkeypatch.setenv("http_proxy", f"http://me:secret@127.0.0.1:{unused_port}")
    provider = create("ollama", Server("http://far.invalid:11434"))
    with pytest.raises(APIError) as caught:
        await provider.list_models()
    await provider.aclose()
    assert f"http://127.0.0.1:{unused_port}" in str(caught.value)
    assert "secret" not in str(caught.value)


async def test_netrc_never_replaces_the_key(monkeypatch, tmp_path, scripted, reply):
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password other\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    async with scripted({"GET /api/tags": reply((b'{"models":[]}',))}) as server:
        provider = create("ollama", Server(server.url, KEY))
        await provider.list_models()
        await provider.aclose()
        assert server.received[0].headers["Authorization"] == f"Bearer {KEY}"


def test_key_is_in_no_repr():
    provider = create("ollama", Server("http://127.0.0.1:9", KEY))
    shown = f"{provider.server!r} {provider._session.endpoint!r} {provider._speaker!r} {provider!r}"
    assert KEY not in shown


def test_importing_the_providers_imports_no_http_library():
    program = (
        "import sys; import nuke_ai_panel.providers.registry, nuke_ai_panel.providers.diagnosis, nuke_ai_panel.credentials,"
        " nuke_ai_panel.aio; print([m for m in ('aiohttp', 'keyring', 'qasync') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=_root())
    assert done.stdout.strip() == "[]"


def _root():
    from pathlib import Path

    return Path(__file__).resolve().parents[2]
