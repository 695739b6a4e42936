from __future__ import annotations

import asyncio
import copy
import gc
import json
import os
import pickle
import signal
import subprocess
import sys
import threading

import pytest

from nuke_ai_panel import ChatCompletion, Completion, StreamInterruptedError
from nuke_ai_panel.aio import background
from nuke_ai_panel.api.streams import AHEAD, Stream


def text_of(chunks):
    return "".join(chunk.choices[0].delta.content or "" for chunk in chunks)


# what comes


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, pickle.dumps], ids=["copy", "deepcopy", "pickle"])
def test_a_stream_is_not_copied_and_stays_readable(server, hello, duplicate):
    stream = ChatCompletion.create("openai/words-3", hello, stream=True)
    with pytest.raises(TypeError, match="neither copied nor pickled"):
        duplicate(stream)
    gc.collect()
    assert text_of(stream) == "w0 w1 w2 "


def test_pieces_can_be_copied_and_pickled(server, hello):
    for chunk in ChatCompletion.create("openai/words-3", hello, stream=True):
        for other in (copy.copy(chunk), copy.deepcopy(chunk), pickle.loads(pickle.dumps(chunk))):
            assert (other.to_dict(), other.id, other.model) == (chunk.to_dict(), chunk.id, chunk.model)


@pytest.mark.parametrize("model", ["ollama/words-50", "openai/words-50"])
def test_sync_stream_gives_chunks_in_the_shape_of_the_field(server, hello, model):
    stream = ChatCompletion.create(model=model, messages=hello, stream=True)
    chunks = list(stream)
    assert text_of(chunks) == stream.text == "".join(f"w{number} " for number in range(50))
    assert chunks[0].choices[0].delta.role == "assistant"
    assert [chunk.choices[0].finish_reason for chunk in chunks] == [None] * 50 + ["stop"]
    assert [chunk.usage for chunk in chunks[:-1]] == [None] * 50
    assert chunks[-1].usage.total_tokens == stream.usage.total_tokens == 8
    assert {chunk.id for chunk in chunks} == {stream.id}
    assert {(chunk.model, chunk.provider) for chunk in chunks} == {("words-50", model.partition("/")[0])}
    assert list(stream) == []


async def test_async_stream_gives_the_same(server, hello):
    stream = await ChatCompletion.acreate("openai/words-50", hello, stream=True)
    chunks = [chunk async for chunk in stream]
    assert text_of(chunks) == stream.text == "".join(f"w{number} " for number in range(50))
    assert chunks[-1].usage.cost == stream.usage.cost == 0.25


def test_chunks_have_the_json_form_of_the_field(server, hello):
    found = [json.loads(json.dumps(chunk.to_dict())) for chunk in ChatCompletion.create("openai/tools", hello, stream=True)]
    assert {chunk["object"] for chunk in found} == {"chat.completion.chunk"}
    calls = [call for chunk in found for call in chunk["choices"][0]["delta"].get("tool_calls", ())]
    assert calls[0] == {
        "index": 0,
        "id": "call-9",
        "type": "function",
        "function": {"name": "blur", "arguments": calls[0]["function"]["arguments"]},
    }
    assert "".join(call["function"]["arguments"] for call in calls) == '{"size": 3}'
    assert found[-1]["choices"][0] == {"index": 0, "delta": {}, "finish_reason": "tool_calls"}
    assert found[-1]["usage"]["total_tokens"] == 8


def test_pieces_of_a_call_are_objects(server, hello):
    pieces = [
        piece
        for chunk in ChatCompletion.create("openai/tools", hello, stream=True)
        for piece in chunk.choices[0].delta.tool_calls or ()
    ]
    assert (pieces[0].index, pieces[0].id, pieces[0].function.name) == (0, "call-9", "blur")


# leaving before the end


def leave_by_break(stream):
    for _ in stream:
        break


def leave_by_exception(stream):
    def read(stream):
        for _ in stream:
            raise KeyError

    with pytest.raises(KeyError):
        read(stream)


def leave_by_with(stream):
    with stream:
        next(stream)


def leave_by_close(stream):
    next(stream)
    stream.close()
    stream.close()
    assert list(stream) == []


def leave_unread(stream):
    assert stream.usage is None


def leave_in_a_cycle(stream):
    knot = [stream]
    knot.append(knot)
    next(stream)
    del stream, knot
    gc.collect()


@pytest.mark.parametrize("leave", [leave_by_break, leave_by_exception, leave_unread, leave_in_a_cycle])
def test_a_sync_stream_that_is_forgotten_closes_its_connection(server, hello, leave):
    leave(ChatCompletion.create("ollama/endless", hello, stream=True))
    gc.collect()
    assert server.gone.wait(20)


@pytest.mark.parametrize("leave", [leave_by_with, leave_by_close])
def test_a_sync_stream_that_is_closed_closes_its_connection(server, hello, leave):
    stream = ChatCompletion.create("ollama/endless", hello, stream=True)
    leave(stream)
    assert server.gone.wait(20)
    assert list(stream) == []


async def async_break(stream):
    async for _ in stream:
        break


async def async_with(stream):
    async with stream:
        await stream.__anext__()


async def async_aclose(stream):
    await stream.__anext__()
    await stream.aclose()
    await stream.aclose()


async def async_aclose_unread(stream):
    await stream.aclose()


async def async_unread(stream):
    assert stream.usage is None


async def async_cancelled(stream):
    async def read():
        async for _ in stream:
            pass

    reading = asyncio.ensure_future(read())
    await asyncio.sleep(0)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading


@pytest.mark.parametrize("leave", [async_break, async_unread, async_cancelled])
def test_an_async_stream_that_is_forgotten_closes_its_connection(server, hello, leave):
    async def main():
        await leave(await ChatCompletion.acreate("ollama/endless", hello, stream=True))
        gc.collect()
        # The loop goes on, so it is not its end that closes the connection.
        assert await asyncio.get_running_loop().run_in_executor(None, server.gone.wait, 20)

    asyncio.run(main())


@pytest.mark.parametrize("leave", [async_with, async_aclose, async_aclose_unread])
def test_an_async_stream_that_is_closed_closes_its_connection(server, hello, leave):
    async def main():
        stream = await ChatCompletion.acreate("ollama/endless", hello, stream=True)
        await leave(stream)
        assert await asyncio.get_running_loop().run_in_executor(None, server.gone.wait, 20)
        assert stream.usage is None

    asyncio.run(main())


def test_closing_an_async_stream_is_over_when_it_returns(server, hello):
    async def main():
        stream = await ChatCompletion.acreate("ollama/endless", hello, stream=True)
        await stream.aclose()
        with pytest.raises(StopAsyncIteration):
            await stream.__anext__()
        left = asyncio.all_tasks() - {asyncio.current_task()}
        assert not left

    asyncio.run(main())


async def test_a_stream_that_is_given_up_while_it_is_handed_over_closes_its_connection(server, hello):
    answer = await ChatCompletion.acreate("ollama/endless", hello, stream=True)
    handing = asyncio.ensure_future(Stream.over(answer))
    await asyncio.sleep(0)
    handing.cancel()
    # The error is kept, as a shell does, and with it all that its traceback holds.
    with pytest.raises(asyncio.CancelledError):
        await handing
    assert await asyncio.get_running_loop().run_in_executor(None, server.gone.wait, 20)


def test_a_loop_that_ends_while_a_stream_is_handed_over_closes_its_connection(server, hello):
    async def main():
        answer = await ChatCompletion.acreate("ollama/endless", hello, stream=True)
        handing.append(asyncio.ensure_future(Stream.over(answer)))

    handing = []
    asyncio.run(main())
    assert handing[0].cancelled()
    assert server.gone.wait(20)


# what failed before anybody read


def test_what_breaks_while_a_stream_is_handed_over_is_raised_after_the_pieces(server, hello, wait_until):
    stream = ChatCompletion.create("openai/cut", hello, stream=True)
    server.release.set()
    wait_until(lambda: stream._feed.has_ended)
    pieces = []
    with pytest.raises(StreamInterruptedError) as caught:
        pieces.extend(iter(lambda: next(stream), None))
    assert caught.value.partial_text == stream.text == "half an "
    assert list(stream) == []


def test_what_the_first_turn_raises_is_raised_to_the_reader(server, hello):
    class Broken:
        """An answer that fails at its first piece."""

        provider, text, _progress = "openai", "", None

        def __aiter__(self):
            return self

        async def __anext__(self):
            raise ZeroDivisionError

        async def aclose(self):
            closed.append(True)

    closed = []
    stream = background().run(lambda: Stream.over(Broken()))
    # It has failed already: the reader has not to wait for the loop.
    assert closed
    with pytest.raises(ZeroDivisionError):
        next(stream)
    assert list(stream) == []


# a slow reader


async def test_a_wait_that_timed_out_does_not_pass_for_the_end(server, hello):
    stream = await ChatCompletion.acreate("openai/cut", hello, stream=True)
    await stream.__anext__()
    with pytest.raises(asyncio.TimeoutError):
        await asyncio.wait_for(stream.__anext__(), 0.05)
    for _ in range(2):
        with pytest.raises(StreamInterruptedError, match="given up before its end") as caught:
            await stream.__anext__()
    assert caught.value.partial_text == stream.text != ""
    assert caught.value.provider == "openai"
    await stream.aclose()
    assert [piece async for piece in stream] == []


def test_a_stream_that_outlives_its_loop_does_not_pass_for_complete(server, hello):
    async def begun():
        stream = await ChatCompletion.acreate("openai/endless", hello, stream=True)
        await stream.__anext__()
        return stream

    stream = asyncio.run(begun())

    async def read_on():
        return [piece async for piece in stream]

    with pytest.raises(StreamInterruptedError, match="given up before its end"):
        asyncio.run(read_on())


def test_a_slow_reader_slows_the_server(server, hello, wait_until):
    with ChatCompletion.create("ollama/burst-20000", hello, stream=True) as stream:
        next(stream)
        # One of them was read.
        wait_until(lambda: len(stream._pieces) >= AHEAD - 1)
        assert len(stream._pieces) <= AHEAD
        rest = sum(1 for _ in stream)
    assert rest == 20000


def test_many_streams_in_threads_get_every_piece_in_order(server, hello):
    texts = []

    def read():
        texts.append(text_of(ChatCompletion.create("openai/burst-3000", hello, stream=True)))

    readers = [threading.Thread(target=read) for _ in range(6)]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join(60)
    assert texts == ["".join(f"w{number} " for number in range(3000))] * 6


# where it may not be read


@pytest.mark.parametrize(("kind", "asked"), [(ChatCompletion, [{"role": "user", "content": "x"}]), (Completion, "x")])
def test_a_sync_stream_may_not_be_waited_for_in_a_coroutine(server, kind, asked):
    with kind.create("ollama/endless", asked, stream=True) as stream:

        async def read():
            for _ in stream:
                pass

        with pytest.raises(RuntimeError, match=rf"await {kind.__name__}\.acreate"):
            asyncio.run(read())


@pytest.mark.skipif(sys.platform == "win32", reason="a process cannot send itself Ctrl+C there")
@pytest.mark.parametrize("stream", [True, False])
def test_ctrl_c_gets_through_and_closes_the_connection(server, hello, stream, tmp_path):
    model = "ollama/cut" if stream else "ollama/silent"
    call = f"ChatCompletion.create({model!r}, [{{'role': 'user', 'content': 'x'}}], stream={stream})"
    program = f"""
from nuke_ai_panel import ChatCompletion, StreamInterruptedError
try:
    answer = {call}
    print("began", flush=True)
    for _ in answer:
        pass
except KeyboardInterrupt:
    print("left", flush=True)
    import sys
    sys.stdin.readline()
if {stream}:
    try:
        print(list(answer))
    except StreamInterruptedError as error:
        print("cut", flush=True)
"""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.Popen(
        [sys.executable, "-c", program], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert server.began.wait(30)
        if stream:
            assert process.stdout.readline() == "began\n"
        process.send_signal(signal.SIGINT)
        assert process.stdout.readline() == "left\n"
        server.release.set()
        server.wait_until_closed(20)
    finally:
        process.stdin.close()
        assert process.wait(30) == 0
        rest = process.stdout.read()
        process.stdout.close()
    # Whoever reads on after Ctrl+C is not told that the answer was complete.
    assert rest == ("cut\n" if stream else "")
