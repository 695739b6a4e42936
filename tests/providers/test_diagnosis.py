"""The connection test against real servers on loopback, good and bad."""

from __future__ import annotations

import asyncio
import datetime
import json
import ssl
import threading

import pytest
import trustme

from nuke_ai_panel.net import pool
from nuke_ai_panel.providers.base import Deadlines, Server
from nuke_ai_panel.providers.diagnosis import STEP_TITLES, diagnose, report

KEY = "sk-or-v1-0123456789abcdef-secret"
QUICK = Deadlines(connect=2, first_byte=20, call=5, silence=1)

MODELS = b'{"data":[{"id":"qwen3-coder"},{"id":"tiny"}]}'
TOKEN = b'data: {"model":"tiny","choices":[{"delta":{"content":"OK"}}]}\n\n'


def routes(reply, **more):
    good = {
        "GET /v1/models": reply((MODELS,)),
        "POST /v1/chat/completions": reply((TOKEN, "forever"), content_type="text/event-stream"),
    }
    good.update(more)
    return good


async def outcome(*arguments):
    steps = [step async for step in diagnose(*arguments)]
    return steps, {step.name: step for step in steps}


def states(last):
    return [last[name].state for name in STEP_TITLES]


async def test_good_server_passes_every_step_with_its_time(scripted, reply):
    async with scripted(routes(reply)) as server:
        steps, last = await outcome("openrouter", Server(server.url, "k" * 20, deadlines=QUICK), "tiny")
        # The answer is not read to its end: the connection is closed after the first token.
        await asyncio.wait_for(server.gone.wait(), 10)
    assert states(last) == ["passed"] * 6
    assert all(last[name].milliseconds is not None for name in STEP_TITLES)
    assert [step.state for step in steps if step.name == "lookup"] == ["running", "passed"]
    assert "(added /v1)" in last["address"].text
    assert last["encryption"].text == "not used (http)"
    assert "2 models, tiny among them" in last["models"].text
    assert last["first_token"].text.startswith("tiny after ")


async def test_nothing_listening_fails_at_the_connection(unused_port):
    _, last = await outcome("ollama", Server(f"127.0.0.1:{unused_port}", deadlines=QUICK))
    assert states(last) == ["passed", "passed", "failed", "not_reached", "not_reached", "not_reached"]
    assert last["connection"].text == f"Nothing is listening on port {unused_port}."
    assert last["connection"].next_step == "Start Ollama, or change the address."


async def test_unknown_name_fails_at_the_lookup():
    _, last = await outcome("ollama", Server("nuke-panel.invalid", deadlines=QUICK))
    assert states(last)[:3] == ["passed", "failed", "not_reached"]
    assert last["lookup"].text == "No such host: nuke-panel.invalid."


@pytest.mark.parametrize(
    ("address", "key", "said"),
    [
        (KEY, "", "looks like an API key"),
        ("http://127.0.0.1:9", "https://openrouter.ai", "key field holds a web address"),
        ("", "", "needs a key"),
        ("ftp://x", "", "http:// or https://"),
    ],
)
async def test_mixed_up_fields_fail_at_the_address(address, key, said):
    _, last = await outcome("openrouter", Server(address, key, deadlines=QUICK))
    assert states(last) == ["failed"] + ["not_reached"] * 5
    assert said in last["address"].text


async def test_key_of_openrouter_for_another_server_is_a_warning(scripted, reply):
    async with scripted(routes(reply)) as server:
        _, last = await outcome("openrouter", Server(server.url, KEY, deadlines=QUICK), "tiny")
    assert last["address"].state == "warning"
    assert last["first_token"].state == "passed"


async def test_missing_model_suggests_the_nearest(scripted, reply):
    async with scripted(routes(reply)) as server:
        _, last = await outcome("openrouter", Server(server.url, deadlines=QUICK), "qwen3-codr")
    assert states(last)[-2:] == ["failed", "not_reached"]
    assert last["models"].text == "'qwen3-codr' is not on this server."
    assert last["models"].next_step == "Did you mean qwen3-coder?"


async def test_public_model_list_does_not_prove_a_key(scripted, reply):
    refused = reply((json.dumps({"error": {"message": f"User not found {KEY}", "code": 401}}).encode(),), 401)
    async with scripted(routes(reply, **{"GET /v1/key": refused})) as server:
        steps, last = await outcome("openrouter", Server(server.url, KEY, deadlines=QUICK), "tiny")
    assert last["models"].state == "failed"
    assert "rejected the key" in last["models"].text
    assert KEY not in report(steps)
    assert all(KEY not in repr(step) for step in steps)


async def test_web_page_is_told_apart_from_an_api(scripted, reply):
    page = reply((b"<html><title>Studio login</title>",), content_type="text/html")
    async with scripted(routes(reply, **{"GET /v1/models": page})) as server:
        _, last = await outcome("openrouter", Server(server.url, deadlines=QUICK))
    assert "(Studio login)" in last["models"].text


async def test_empty_model_list_is_a_warning(scripted, reply):
    async with scripted({"GET /api/tags": reply((b'{"models":[]}',)), "GET /api/version": reply((b"{}",))}) as server:
        _, last = await outcome("ollama", Server(server.url, deadlines=QUICK))
    assert last["models"].state == "warning"
    assert last["first_token"].state == "not_reached"


async def test_slow_first_token_tells_that_the_model_is_loading(scripted, reply):
    loaded = asyncio.Event()
    late = reply((loaded, TOKEN), content_type="text/event-stream")
    async with scripted(routes(reply, **{"POST /v1/chat/completions": late})) as server:
        news = []
        async for step in diagnose("openrouter", Server(server.url, deadlines=QUICK), "tiny"):
            if step.name == "first_token":
                news.append(step)
                if "being loaded" in step.text:
                    loaded.set()
    assert any("The model is being loaded (2 s so far)." in step.text for step in news)
    assert news[-1].state == "passed"


async def test_stream_that_is_cut_fails_the_first_token(scripted, reply):
    cut = reply((), content_type="text/event-stream")
    async with scripted(routes(reply, **{"POST /v1/chat/completions": cut})) as server:
        _, last = await outcome("openrouter", Server(server.url, deadlines=QUICK), "tiny")
    assert last["first_token"].state == "failed"


async def test_report_has_one_line_a_step(scripted, reply):
    async with scripted(routes(reply)) as server:
        steps, _ = await outcome("openrouter", Server(server.url, KEY, deadlines=QUICK), "nope")
    lines = report(steps).split("\n")
    assert [line.partition(":")[0] for line in lines] == list(STEP_TITLES.values())
    assert lines[4].startswith("Key and models: failed (")
    assert lines[5] == "First token: not reached"


# Encryption.


@pytest.fixture
def authority(tmp_path):
    made = trustme.CA(organization_name="Studio Authority")
    made.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    return made, str(tmp_path / "ca.pem")


def served_by(certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


async def test_encryption_names_version_issuer_and_expiry(scripted, reply, authority):
    made, ca_file = authority
    async with scripted(routes(reply), served_by(made.issue_cert("127.0.0.1"))) as server:
        _, last = await outcome("openrouter", Server(server.url, "key-of-mine", ca_file, QUICK), "tiny")
    assert last["encryption"].state == "passed"
    assert "TLSv1" in last["encryption"].text
    assert "issued by Studio Authority" in last["encryption"].text
    assert last["first_token"].state == "passed"


async def test_certificate_that_expires_soon_is_a_warning(scripted, reply, authority):
    made, ca_file = authority
    soon = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=3)
    async with scripted(routes(reply), served_by(made.issue_cert("127.0.0.1", not_after=soon))) as server:
        _, last = await outcome("openrouter", Server(server.url, "", ca_file, QUICK), "tiny")
    assert last["encryption"].state == "warning"
    assert "expires in 2 days" in last["encryption"].text


async def test_unknown_authority_asks_for_the_studios_file(scripted, reply, authority):
    made, _ = authority
    async with scripted(routes(reply), served_by(made.issue_cert("127.0.0.1"))) as server:
        _, last = await outcome("openrouter", Server(server.url, deadlines=QUICK), "tiny")
    assert last["encryption"].state == "failed"
    assert "does not trust" in last["encryption"].text
    assert last["encryption"].next_step == "Add your studio's CA file in Settings."


async def test_certificate_for_another_name_shows_it(scripted, reply, authority):
    made, ca_file = authority
    async with scripted(routes(reply), served_by(made.issue_cert("127.0.0.2"))) as server:
        _, last = await outcome("openrouter", Server(server.url, "", ca_file, QUICK), "tiny")
    assert "another name than 127.0.0.1" in last["encryption"].text


async def test_expired_certificate_says_so(scripted, reply, authority):
    made, ca_file = authority
    past = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(days=3)
    async with scripted(routes(reply), served_by(made.issue_cert("127.0.0.1", not_after=past))) as server:
        _, last = await outcome("openrouter", Server(server.url, "", ca_file, QUICK), "tiny")
    assert "has expired" in last["encryption"].text


async def test_server_without_tls_on_an_https_address_says_so(scripted, reply):
    async with scripted(routes(reply)) as server:
        _, last = await outcome("openrouter", Server(server.url.replace("http:", "https:"), deadlines=QUICK), "tiny")
    assert last["encryption"].state == "failed"
    assert "http://" in last["encryption"].next_step


async def test_ca_file_that_is_none_is_a_failure_with_its_name(tmp_path, scripted, reply, authority):
    path = tmp_path / "none.pem"
    path.write_text("nothing")
    made, _ = authority
    async with scripted(routes(reply), served_by(made.issue_cert("127.0.0.1"))) as server:
        _, last = await outcome("openrouter", Server(server.url, "", str(path), QUICK), "tiny")
    assert "none.pem" in last["encryption"].text
    assert str(path) not in pool._contexts


# Cancelling.


async def cancelled_within_a_second(name, server, reached):
    at = asyncio.Event()

    async def consume():
        async for step in diagnose(name, server, "tiny"):
            if step.name == reached and step.state == "running":
                at.set()

    task = asyncio.ensure_future(consume())
    await asyncio.wait_for(at.wait(), 20)
    await asyncio.sleep(0.05)
    task.cancel()
    done, _ = await asyncio.wait({task}, timeout=1)
    assert done, f"still running a second after it was cancelled at {reached}"
    assert task.cancelled()


async def test_cancel_during_a_lookup_that_hangs(monkeypatch):
    import socket

    release = threading.Event()
    real = socket.getaddrinfo

    def hang(host, *arguments, **more):
        if host == "slow.invalid":
            release.wait(20)
        return real(host, *arguments, **more)

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    try:
        await cancelled_within_a_second("ollama", Server("slow.invalid"), "lookup")
    finally:
        release.set()


async def test_lookup_that_hangs_has_a_deadline(monkeypatch):
    import socket

    release = threading.Event()
    real = socket.getaddrinfo

    def hang(host, *arguments, **more):
        if host == "slow.invalid":
            release.wait(20)
        return real(host, *arguments, **more)

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    try:
        _, last = await outcome("ollama", Server("slow.invalid", deadlines=Deadlines(connect=0.3)))
    finally:
        release.set()
    assert "name server did not answer" in last["lookup"].text


async def test_cancel_during_a_connection_that_hangs():
    import socket

    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        # Fill the queue of connections, so that the next one is not answered.
        waiting = []
        try:
            for _ in range(4):
                more = socket.socket()
                more.setblocking(False)
                more.connect_ex(full.getsockname())
                waiting.append(more)
            await cancelled_within_a_second("ollama", Server(f"127.0.0.1:{full.getsockname()[1]}"), "connection")
        finally:
            for each in waiting:
                each.close()


async def test_cancel_during_a_greeting_of_tls_that_hangs():
    async def say_nothing(reader, writer):
        # Ends when the client goes away.
        while await reader.read(4096):
            pass
        writer.close()

    async with await asyncio.start_server(say_nothing, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        await cancelled_within_a_second("openrouter", Server(f"https://127.0.0.1:{port}"), "encryption")
        await asyncio.sleep(0.1)


async def test_cancel_during_the_model_list(scripted, reply):
    async with scripted(routes(reply, **{"GET /v1/models": reply((asyncio.Event(),))})) as server:
        await cancelled_within_a_second("openrouter", Server(server.url), "models")
        await asyncio.wait_for(server.gone.wait(), 10)


async def test_cancel_while_waiting_for_the_first_token(scripted, reply):
    never = reply((asyncio.Event(),), content_type="text/event-stream")
    async with scripted(routes(reply, **{"POST /v1/chat/completions": never})) as server:
        await cancelled_within_a_second("openrouter", Server(server.url), "first_token")
        await asyncio.wait_for(server.gone.wait(), 10)
