from __future__ import annotations

import asyncio
import base64
import json
import os
import subprocess
import sys
import threading
from dataclasses import replace
from email.parser import BytesParser
from email.policy import HTTP

import pytest

from nuke_ai_panel.errors import APIError, FileRefusedError, RequestTimeoutError, ServerError, ValidationError
from nuke_ai_panel.net.deadlines import Deadlines
from nuke_ai_panel.net.payload import Base64, FormFile, StreamedBody, body_of, encode_json
from nuke_ai_panel.net.session import Endpoint, ServerSession


class Lying:
    """A content that announces another size than it has, or fails."""

    name = "render.log"

    def __init__(self, size, pieces, failure=None):
        self.size = size
        self.pieces = pieces
        self.failure = failure
        self.begun = 0

    def chunks(self):
        self.begun += 1
        yield from self.pieces
        if self.failure is not None:
            raise self.failure


class Telling(Lying):
    """A content that tells in which threads it was read."""

    def __init__(self, data):
        super().__init__(len(data), [data])
        self.threads = set()

    def chunks(self):
        self.threads.add(threading.get_ident())
        return super().chunks()


class RawServer:
    """Reads requests of a known length and answers each with the next of its replies."""

    def __init__(self, *replies):
        self.replies = list(replies) or [b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"]
        self.heads = []
        self.bodies = []
        self.connections = 0
        self.ended_early = asyncio.Event()
        self.closing = []

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        self.session = ServerSession(Endpoint("test", "The server", self.url, deadlines=Deadlines(connect=20, first_byte=20)))
        return self

    async def __aexit__(self, *_):
        await self.session.aclose()
        self._server.close()
        for writer in self.closing:
            writer.close()

    async def _serve(self, reader, writer):
        self.connections += 1
        self.closing.append(writer)
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                headers = BytesParser(policy=HTTP).parsebytes(head.partition(b"\r\n")[2])
                self.heads.append(headers)
                reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
                if reply is None:
                    # A server that takes nothing: it leaves the rest in the socket.
                    writer.transport.pause_reading()
                    return
                self.bodies.append(await reader.readexactly(int(headers["Content-Length"])))
                writer.write(reply)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            self.ended_early.set()
            writer.close()

    async def post(self, body, **deadlines):
        allowed = replace(self.session.endpoint.deadlines, **deadlines)
        response = await self.session.request(
            "POST", "/v1", body, headers={}, explain=lambda refusal: ServerError("no", status=refusal.status), deadlines=allowed
        )
        response.release()


def answer(status, body=b"{}"):
    return b"HTTP/1.1 %d X\r\nContent-Length: %d\r\nContent-Type: application/json\r\n\r\n%s" % (status, len(body), body)


LARGE = os.urandom(1_000_001)


def read(body):
    """What a body yields, piece by piece."""

    async def main():
        return [piece async for piece in body.pieces()]

    return asyncio.run(main())


# what the bytes are


def test_small_body_is_one_bytes_object():
    value = {"text": "Größe", "image": Base64(b"abcd", "data:image/png;base64,")}
    body, media_type = body_of(value)
    assert body == '{"text":"Größe","image":"data:image/png;base64,YWJjZA=="}'.encode()
    assert media_type == "application/json"
    assert encode_json(value) == body


@pytest.mark.parametrize("length", [0, 1, 2, 3, 196_607, 196_608, 196_609, 1_000_001])
@pytest.mark.parametrize("step", [1000, 65_537, 2_000_000])
def test_streamed_json_is_what_it_would_be_in_memory(length, step):
    data = LARGE[:length]
    pieces = [data[start : start + step] for start in range(0, length, step)]
    value = {"a": [Base64(Lying(length, pieces), 'data:"x";base64,'), "tail"], "b": Base64(b"small"), "c": Base64(LARGE)}
    body, media_type = body_of(value)
    assert media_type == "application/json"
    assert isinstance(body, StreamedBody)
    for _ in range(2):
        sent = b"".join(read(body))
        assert len(sent) == body.size
        assert body.is_read
    found = json.loads(sent)
    head, _, tail = found["a"][0].partition(",")
    assert head == 'data:"x";base64'
    assert base64.b64decode(tail) == data
    assert found["a"][1] == "tail"
    assert base64.b64decode(found["b"]) == b"small"
    assert base64.b64decode(found["c"]) == LARGE
    assert sent == encode_json(value)


def test_large_piece_in_memory_is_sent_in_small_ones():
    body, _ = body_of({"a": Base64(Lying(len(LARGE), [LARGE]))})
    assert max(map(len, read(body))) <= 256 * 1024


def test_what_has_no_place_in_json_is_an_error():
    with pytest.raises(TypeError, match="set has no place"):
        body_of({"a": {1}})
    with pytest.raises(TypeError, match="set has no place"):
        encode_json({"a": {1}})


def parts_of(raw, media_type):
    message = BytesParser(policy=HTTP).parsebytes(b"Content-Type: " + media_type.encode() + b"\r\n\r\n" + raw)
    assert not message.defects
    return list(message.iter_parts())


@pytest.mark.parametrize("data", [b"short\r\n--panel", Lying(len(LARGE), [LARGE]), LARGE], ids=["small", "content", "large"])
def test_form_holds_its_fields_and_its_file(data):
    form = FormFile("file", "clip.wav", data, "audio/wav", {"model": "whisper-1", "prompt": "Größe\r\nzwei"})
    body, media_type = body_of(form)
    raw = body if isinstance(body, bytes) else b"".join(read(body))
    assert isinstance(body, bytes) or len(raw) == body.size
    model, prompt, file = parts_of(raw, media_type)
    assert (model.get_param("name", header="Content-Disposition"), model.get_content()) == ("model", "whisper-1")
    assert prompt.get_payload(decode=True).decode() == "Größe\r\nzwei"
    assert (file.get_filename(), file.get_content_type()) == ("clip.wav", "audio/wav")
    assert file.get_payload(decode=True) == (data if isinstance(data, bytes) else LARGE)


@pytest.mark.parametrize(
    ("name", "sent"),
    [
        ('a"b.txt', b'filename="a%22b.txt"'),
        ("a\r\nX-Evil: 1.txt", b'filename="a%0D%0AX-Evil: 1.txt"'),
        ("Größe 映像.nk", 'filename="Größe 映像.nk"'.encode()),
        ("/home/artist/show/a.nk", b'filename="a.nk"'),
        ("C:\\show\\a.nk", b'filename="a.nk"'),
        ("a\x00\x1b.nk", b'filename="a__.nk"'),
        ("odd\udcff.nk", b'filename="odd?.nk"'),
        ("", b'filename="file"'),
    ],
)
def test_file_name_cannot_break_out_of_its_header(name, sent):
    body, _ = body_of(FormFile("file", name, b"x"))
    head = body.partition(b"\r\n\r\n")[0]
    assert sent in head
    assert head.count(b"\r\n") == 2


def test_field_name_and_media_type_cannot_break_out_either():
    body, _ = body_of(FormFile('fi"le\n', "a", b"x", fields={'na"me\r\n': "x"}))
    assert b'name="na%22me%0D%0A"' in body
    assert b'name="fi%22le%0A"' in body
    with pytest.raises(ValidationError, match="no media type"):
        body_of(FormFile("file", "a", b"x", media_type="text/plain\r\nX-Evil: 1"))


# how it is sent


async def test_large_body_has_a_known_length_and_is_read_off_the_loop():
    content = Telling(LARGE)
    async with RawServer() as server:
        await server.post({"image": Base64(content)})
    assert json.loads(server.bodies[0])["image"] == base64.b64encode(LARGE).decode()
    head = server.heads[0]
    assert int(head["Content-Length"]) == len(server.bodies[0])
    assert "Transfer-Encoding" not in head
    assert head["Content-Type"] == "application/json"
    assert content.threads
    assert threading.get_ident() not in content.threads


async def test_form_is_sent_with_its_own_media_type():
    async with RawServer() as server:
        await server.post(FormFile("file", "a.wav", Telling(LARGE), "audio/wav", {"model": "m"}))
    assert parts_of(server.bodies[0], server.heads[0]["Content-Type"])[1].get_payload(decode=True) == LARGE


async def test_retry_sends_the_whole_body_again():
    content = Telling(LARGE)
    async with RawServer(answer(503), answer(502), answer(200)) as server:
        await server.post({"image": Base64(content)}, retries=2)
    assert len(server.bodies) == 3
    assert server.bodies[0] == server.bodies[1] == server.bodies[2]
    assert content.begun == 3


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (Lying(2_000_000, [LARGE]), "'render.log' became shorter while it was being sent"),
        (Lying(500_000, [LARGE]), "'render.log' became longer while it was being sent"),
        (Lying(2_000_000, [LARGE], OSError(5, "Input/output error")), "cannot be read any more: Input/output error"),
        (Lying(2_000_000, [LARGE], FileRefusedError("the file's own words")), "the file's own words"),
    ],
    ids=["shorter", "longer", "unreadable", "refused"],
)
async def test_content_that_changes_while_it_is_sent_is_its_own_error_and_no_retry(content, said):
    async with RawServer() as server:
        with pytest.raises(FileRefusedError) as caught:
            await server.post({"image": Base64(content)}, retries=3)
        await asyncio.wait_for(server.ended_early.wait(), 20)
        await server.post({"fine": True})
        assert server.connections == 2
    assert said in str(caught.value)
    assert content.begun == 1
    assert [json.loads(body) for body in server.bodies] == [{"fine": True}]
    shown = caught.value
    while shown is not None:
        assert "aiohttp" not in type(shown).__module__
        shown = shown.__cause__ or shown.__context__


async def test_content_with_an_error_of_its_own_is_not_hidden():
    async with RawServer() as server:
        with pytest.raises(KeyError):
            await server.post({"image": Base64(Lying(2_000_000, [LARGE], KeyError("mine")))})


async def test_server_that_takes_no_more_is_given_up():
    content = Lying(300_000_000, [LARGE] * 300)
    async with RawServer(None) as server:
        with pytest.raises(RequestTimeoutError) as caught:
            await server.post(FormFile("file", "a.wav", content), first_byte=0.5)
    assert caught.value.kind == "send_timeout"
    assert "of 300,0" in str(caught.value)


async def test_slow_but_steady_upload_is_no_timeout():
    class Steady(Lying):
        def chunks(self):
            for piece in self.pieces:
                threading.Event().wait(0.15)
                yield piece

    content = Steady(2_000_000, [LARGE[:200_000]] * 10)
    async with RawServer() as server:
        await server.post(FormFile("file", "a.wav", content), first_byte=1.0)
    assert len(server.bodies) == 1


async def test_refusal_in_the_middle_of_a_large_body_is_told():
    async def serve(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(1000)
        writer.write(answer(413))
        # The rest is read and thrown away, as servers do that want their refusal to be read.
        while await reader.read(65536):
            pass
        writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    session = ServerSession(Endpoint("test", "X", f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"))
    try:
        with pytest.raises(APIError) as caught:
            await session.request(
                "POST",
                "/",
                FormFile("file", "a.wav", Lying(50_000_050, [LARGE] * 50)),
                headers={},
                explain=lambda refusal: ServerError("too large", status=refusal.status),
                deadlines=Deadlines(),
            )
    finally:
        await session.aclose()
        listening.close()
    assert caught.value.status == 413


async def test_cancelled_upload_closes_its_connection():
    async with RawServer(None) as server:
        sending = asyncio.ensure_future(server.post(FormFile("file", "a.wav", Lying(300_000_300, [LARGE] * 300))))
        while not server.heads:
            await asyncio.wait({sending}, timeout=0.01)
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        for writer in server.closing:
            writer.transport.resume_reading()
        assert server.session._client is not None
        assert not server.session._client.connector._acquired


_PROGRAM = """
import asyncio, hashlib, json, resource, sys, tracemalloc
sys.path.insert(0, sys.argv[2])
import aiohttp
from nuke_ai_panel.files import FileValidator
from nuke_ai_panel.net.deadlines import Deadlines
from nuke_ai_panel.net.payload import Base64, FormFile
from nuke_ai_panel.net.session import Endpoint, ServerSession

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)

lengths, digests = [], []

async def serve(reader, writer):
    while True:
        try:
            head = (await reader.readuntil(b"\\r\\n\\r\\n")).decode().lower()
        except asyncio.IncompleteReadError:
            writer.close()
            return
        left = int(head.partition("content-length: ")[2].partition("\\r")[0])
        lengths.append(left)
        digest = hashlib.sha256()
        while left:
            piece = await reader.read(min(left, 65536))
            left -= len(piece)
            digest.update(piece)
        digests.append(digest.hexdigest())
        writer.write(b"HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\n{}")

async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    session = ServerSession(Endpoint("test", "X", "http://127.0.0.1:%d" % server.sockets[0].getsockname()[1]))
    def explain(refusal):
        raise SystemExit(repr(refusal))
    async def post(body):
        await session.call("POST", "/", body, explain, accept="*/*", deadlines=Deadlines(call=300))
    await post({"small": 1})
    before = peak()
    tracemalloc.start()
    with await FileValidator().aopen_chosen(sys.argv[1]) as file:
        await post({"file": Base64(file)})
        await post(FormFile("file", "a.wav", file))
    print(json.dumps({"lengths": lengths[1:], "digests": digests[1:], "traced": tracemalloc.get_traced_memory()[1],
                      "resident": peak() - before}))
    await session.aclose()
    server.close()

asyncio.run(main())
"""


@pytest.mark.skipif(sys.platform == "win32", reason="the peak of memory is read by a module of POSIX")
def test_100_mb_are_sent_with_flat_memory(tmp_path, root):
    import hashlib

    size = 100 * 1024 * 1024
    path = tmp_path / "long.wav"
    with open(path, "wb") as file:
        file.write(b"RIFF\0\0\0\0WAVEfmt ")
        file.truncate(size)
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, str(path), str(root)], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    digest = hashlib.sha256(b'{"file":"')
    with open(path, "rb") as file:
        while piece := file.read(3 * 1024 * 1024):
            digest.update(base64.b64encode(piece))
    digest.update(b'"}')
    assert found["digests"][0] == digest.hexdigest()
    assert found["lengths"][0] == (size + 2) // 3 * 4 + len(b'{"file":""}')
    assert size < found["lengths"][1] < size + 1000
    assert found["traced"] < 8_000_000, found
    assert found["resident"] < 24_000_000, found
