"""The calls where people make them: each test runs the real thing."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import subprocess
import sys

import pytest
from aiohttp import ClientSession, web

from nuke_ai_panel import ChatCompletion, maybe_await, run_async

H = "[{'role': 'user', 'content': 'hi'}]"
SYNC = f"ChatCompletion.create('ollama/tiny', {H}).choices[0].message.content"
ASYNC = f"(await ChatCompletion.acreate('ollama/tiny', {H})).choices[0].message.content"
SYNC_STREAM = f"''.join(c.choices[0].delta.content or '' for c in ChatCompletion.create('ollama/words-3', {H}, stream=True))"
ASYNC_STREAM = (
    f"''.join([c.choices[0].delta.content or '' async for c in "
    f"await ChatCompletion.acreate('ollama/words-3', {H}, stream=True)])"
)


# a plain script


def test_plain_script_ends_by_itself_without_a_word(server, run_script):
    program = f"""
from nuke_ai_panel import ChatCompletion
assert {SYNC} == "Hello there"
assert {SYNC_STREAM} == "w0 w1 w2 "
left = ChatCompletion.create("ollama/endless", {H}, stream=True)
next(left)
print("end")
"""
    # The last stream is still open when the script ends.
    assert run_script(program, "-W", "error") == "end\n"
    server.wait_until_closed()


def test_script_with_a_loop_of_its_own(server, run_script):
    program = f"""
import asyncio
from nuke_ai_panel import ChatCompletion
async def main():
    assert {ASYNC} == "Hello there"
    assert {ASYNC_STREAM} == "w0 w1 w2 "
    async for _ in await ChatCompletion.acreate("ollama/endless", {H}, stream=True):
        break
    return await ChatCompletion.acreate("ollama/endless", {H}, stream=True)
left = asyncio.run(main())
print("end")
"""
    assert run_script(program, "-W", "error") == "end\n"
    server.wait_until_closed()


# a notebook

_RUN_NOTEBOOK = """
import json, sys
import nbformat
from nbclient import NotebookClient

cells = json.load(open(sys.argv[1]))
book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
NotebookClient(book, timeout=60, kernel_name="python3").execute()
told = []
for cell in book.cells:
    parts = []
    for output in cell.outputs:
        parts.append(output.get("text") or output.get("data", {}).get("text/plain") or "")
        if output.get("name") == "stderr":
            parts.append("STDERR")
    told.append("".join(parts).strip())
print(json.dumps(told))
"""


@pytest.mark.parametrize("nested", [False, True], ids=["plain", "nest_asyncio"])
def test_notebook_with_a_real_kernel(server, tmp_path, nested):
    for name in ("nbclient", "nbformat", "ipykernel", *(["nest_asyncio"] if nested else [])):
        pytest.importorskip(name)
    cells = [
        "import nest_asyncio; nest_asyncio.apply()" if nested else "None",
        "from nuke_ai_panel import ChatCompletion, run_async, maybe_await",
        SYNC,
        ASYNC,
        SYNC_STREAM,
        ASYNC_STREAM,
        f"first = {ASYNC}\nfirst + '/' + {SYNC}",
        f"def ask():\n    return {SYNC}\nask()",
        f"[{SYNC} for _ in range(2)][-1]",
        f"run_async(ChatCompletion.acreate('ollama/tiny', {H})).choices[0].message.content",
        f"async def wrong():\n    return {SYNC}\ntry:\n    await wrong()\nexcept RuntimeError as error:\n    print(error)",
        f"for _ in ChatCompletion.create('ollama/endless', {H}, stream=True):\n    break",
    ]
    (tmp_path / "cells.json").write_text(json.dumps(cells), encoding="utf-8")
    (tmp_path / "run.py").write_text(_RUN_NOTEBOOK, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, str(tmp_path / "run.py"), str(tmp_path / "cells.json")],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "PYDEVD_DISABLE_FILE_VALIDATION": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    hello, words = "'Hello there'", "'w0 w1 w2 '"
    assert told[2:10] == [hello, hello, words, words, "'Hello there/Hello there'", hello, hello, hello]
    assert "await ChatCompletion.acreate(...)" in told[10]
    assert told[11] == ""
    assert server.gone.wait(20)


def test_ipython_at_its_prompt(server, tmp_path):
    pytest.importorskip("IPython")
    lines = (
        "from nuke_ai_panel import ChatCompletion",
        f"print('sync', {SYNC})",
        f"print('async', {ASYNC})",
        f"print('again', {ASYNC})",
        f"print('stream', {SYNC_STREAM})",
        f"print('astream', {ASYNC_STREAM})",
        "exit",
    )
    done = subprocess.run(
        [sys.executable, "-m", "IPython", "--simple-prompt", "--no-banner", "--no-confirm-exit", "--colors=NoColor"],
        input="\n".join(lines) + "\n",
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "IPYTHONDIR": str(tmp_path), "PYTHONWARNINGS": "default"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    for told in ("sync Hello there", "async Hello there", "again Hello there", "stream w0 w1 w2", "astream w0 w1 w2"):
        assert told in done.stdout, done.stdout + done.stderr
    assert "ResourceWarning" not in done.stderr
    assert "Unclosed" not in done.stderr
    server.wait_until_closed()


# servers

_FASTAPI = f"""
import asyncio, threading
import httpx, uvicorn
from fastapi import FastAPI
from nuke_ai_panel import ChatCompletion

app = FastAPI()

@app.get("/sync")
def sync_endpoint():
    return {SYNC}

@app.get("/stream")
def stream_endpoint():
    return {SYNC_STREAM}

@app.get("/async")
async def async_endpoint():
    return {ASYNC}

@app.get("/wrong")
async def wrong_endpoint():
    try:
        return {SYNC}
    except RuntimeError as error:
        return str(error)

server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="warning"))
thread = threading.Thread(target=server.run)
thread.start()
while not server.started:
    thread.join(0.01)
port = server.servers[0].sockets[0].getsockname()[1]
with httpx.Client(base_url=f"http://127.0.0.1:{{port}}", trust_env=False, timeout=30) as client:
    for path in ("/sync", "/stream", "/async", "/wrong"):
        print(client.get(path).json())

async def many():
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{{port}}", trust_env=False, timeout=30) as client:
        answers = await asyncio.gather(*(client.get(path) for path in ("/sync", "/async") * 12))
        print({{answer.json() for answer in answers}})

asyncio.run(many())
server.should_exit = True
thread.join()
"""


def test_fastapi_endpoints_served_by_uvicorn(server, run_script):
    for name in ("fastapi", "httpx", "uvicorn"):
        pytest.importorskip(name)
    told = run_script(_FASTAPI).splitlines()
    assert told[:3] == ["Hello there", "w0 w1 w2 ", "Hello there"]
    assert "await ChatCompletion.acreate(...)" in told[3]
    assert told[4] == "{'Hello there'}"
    # All sync endpoints share the background loop's pool, all async ones that of the server's loop.
    assert server.connections <= 24
    server.wait_until_closed()


async def test_executor_of_an_aiohttp_handler(server, hello):
    def blocking():
        text = ChatCompletion.create("ollama/tiny", hello).choices[0].message.content
        chunks = ChatCompletion.create("ollama/words-3", hello, stream=True)
        return text + "/" + "".join(chunk.choices[0].delta.content or "" for chunk in chunks)

    async def handle(request):
        return web.Response(text=await asyncio.get_running_loop().run_in_executor(None, blocking))

    async def wrong(request):
        with pytest.raises(RuntimeError, match=r"await ChatCompletion\.acreate"):
            ChatCompletion.create("ollama/tiny", hello)
        return web.Response(text="refused")

    application = web.Application()
    application.router.add_get("/", handle)
    application.router.add_get("/wrong", wrong)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    url = f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}"
    try:
        async with ClientSession() as session:

            async def get(path):
                async with session.get(url + path) as response:
                    return await response.text()

            assert set(await asyncio.gather(*(get("/") for _ in range(10)))) == {"Hello there/w0 w1 w2 "}
            assert await get("/wrong") == "refused"
    finally:
        await runner.cleanup()


# a Qt host

_HOST = f"""
import asyncio, gc, sys, threading
from nuke_ai_panel_ui import host_loop
from nuke_ai_panel_ui.qt import QtCore, QtWidgets, exec_app
from nuke_ai_panel import ChatCompletion

app = QtWidgets.QApplication(["host"])
told = []

async def task():
    told.append({ASYNC})
    told.append({ASYNC_STREAM})
    try:
        {SYNC}
    except RuntimeError as error:
        told.append(str(error))
    stream = await ChatCompletion.acreate("ollama/endless", {H}, stream=True)
    await stream.__anext__()
    # A slot that Qt runs between two steps of this task.
    done = loop.create_future()
    def slot():
        told.append({SYNC})
        done.set_result(None)
    QtCore.QTimer.singleShot(0, slot)
    await done
    await stream.aclose()
    QtCore.QTimer.singleShot(0, end)

def slot():
    told.append({SYNC})
    told.append({SYNC_STREAM})
    # As a script in the host's editor does.
    told.append(asyncio.run(other()))
    host_loop.spawn(task())

async def other():
    return {ASYNC}

def begin():
    global loop
    loop = host_loop.attach()
    QtCore.QTimer.singleShot(0, slot)

def end():
    worker = threading.Thread(target=lambda: told.append({SYNC}))
    worker.start()
    worker.join()
    loop.shutdown()
    gc.collect()
    app.quit()

QtCore.QTimer.singleShot(0, begin)
exec_app(app)
for each in told:
    print(each)
"""


@pytest.mark.skipif(not any(map(importlib.util.find_spec, ("PySide6", "PySide2"))), reason="there is no Qt")
def test_main_thread_of_a_host_with_our_loop_attached(server, run_script, monkeypatch, tmp_path):
    pytest.importorskip("qasync")
    monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    told = run_script(_HOST, "-W", "error::ResourceWarning", "-W", "error::RuntimeWarning").splitlines()
    hello, words = "Hello there", "w0 w1 w2 "
    assert told[:5] == [hello, words, hello, hello, words]
    assert "await ChatCompletion.acreate(...)" in told[5]
    assert told[6:] == [hello, hello]
    server.wait_until_closed()


# small public things


async def test_maybe_await_takes_both_kinds():
    async def later():
        return 5

    assert await maybe_await(later()) == 5
    assert await maybe_await(asyncio.ensure_future(later())) == 5
    assert await maybe_await(6) == 6


def test_run_async_takes_a_coroutine_and_a_function(server, hello):
    answer = run_async(ChatCompletion.acreate("ollama/tiny", hello))
    assert answer.choices[0].message.content == "Hello there"
    assert run_async(lambda: ChatCompletion.acreate("ollama/tiny", hello)).usage.total_tokens == 8
    assert server.connections == 1
