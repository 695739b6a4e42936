"""What the fault server can do wrong: one coroutine for each mode, named as in the table of faults."""

from __future__ import annotations

import asyncio
import gzip
import json
import time
import zlib
from email.utils import formatdate

from tests.faults.fault_server import Exchange, Mode

__all__ = ["MODES", "SECRET_PATH"]

MODES: dict[str, Mode] = {}

SECRET_PATH = "/elsewhere?session=0123456789abcdef"


def mode(function: Mode) -> Mode:
    MODES[function.__name__] = function
    return function


@mode
async def healthy(x: Exchange):
    await x.begin()
    await x.piece(x.ending)
    await x.end()


# silence


@mode
async def stall_before_headers(x: Exchange):
    await x.stall()


@mode
async def stall_in_headers(x: Exchange):
    await x.raw(b"HTTP/1.1 200 OK\r\nContent-Ty")
    await x.stall()


@mode
async def drip_headers(x: Exchange):
    await x.raw(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    await x.drip(b"a" * 4000, framed=False)


@mode
async def interim_answers_only(x: Exchange):
    await x.forever(b"HTTP/1.1 102 Processing\r\n\r\n", framed=False)


@mode
async def stall_after_headers(x: Exchange):
    await x.head()
    await x.stall()


@mode
async def stall_in_first_record(x: Exchange):
    await x.head()
    await x.piece(x.kept[:5])
    await x.stall()


@mode
async def stall_mid_stream(x: Exchange):
    await x.begin()
    await x.stall()


@mode
async def stall_mid_record(x: Exchange):
    await x.begin()
    await x.piece(x.wire.word("lost")[:30])
    await x.stall()


@mode
async def keep_alives_only(x: Exchange):
    await x.head()
    await x.forever(x.wire.keep_alive)


@mode
async def keep_alives_after_text(x: Exchange):
    await x.begin()
    await x.forever(x.wire.keep_alive)


@mode
async def keep_alives_at_full_speed(x: Exchange):
    await x.begin()
    await x.forever(x.wire.keep_alive * 20_000, every=0)


@mode
async def drip_that_makes_no_record(x: Exchange):
    await x.begin()
    await x.drip(x.wire.word("x" * 4000))


@mode
async def chunks_without_content(x: Exchange):
    await x.begin()
    await x.forever(x.wire.word(""))


@mode
async def pings_of_another_protocol(x: Exchange):
    await x.begin()
    await x.forever(b'event: ping\ndata: {"type":"ping"}\n\n')


@mode
async def stall_after_finish_reason(x: Exchange):
    await x.begin()
    await x.piece(x.wire.reason())
    await x.stall()


@mode
async def keep_alives_after_finish_reason(x: Exchange):
    await x.begin()
    await x.piece(x.wire.reason())
    await x.forever(x.wire.keep_alive)


@mode
async def hang_after_end(x: Exchange):
    await x.begin()
    await x.piece(x.ending)
    await x.stall()


@mode
async def endless_after_end(x: Exchange):
    await x.begin()
    await x.piece(x.ending)
    await x.forever(x.wire.word("surplus") * 2000, every=0)


@mode
async def text_after_end(x: Exchange):
    await x.answer(x.good + x.wire.word("surplus"))


@mode
async def text_without_end(x: Exchange):
    await x.head()
    await x.forever(x.wire.word("kept"))


# broken connections


@mode
async def close_before_headers(x: Exchange):
    await x.close()


@mode
async def reset_before_headers(x: Exchange):
    await x.reset()


@mode
async def close_in_headers(x: Exchange):
    await x.raw(b"HTTP/1.1 200 OK\r\nContent-Ty")
    await x.close()


@mode
async def reset_in_headers(x: Exchange):
    await x.raw(b"HTTP/1.1 200 OK\r\nContent-Ty")
    await x.reset()


@mode
async def close_after_headers(x: Exchange):
    await x.head()
    await x.close()


@mode
async def reset_after_headers(x: Exchange):
    await x.head()
    await x.reset()


@mode
async def close_mid_record(x: Exchange):
    await x.begin()
    await x.piece(x.wire.word("lost")[:30])
    await x.close()


@mode
async def reset_mid_record(x: Exchange):
    await x.begin()
    await x.piece(x.wire.word("lost")[:30])
    await x.reset()


@mode
async def close_after_text(x: Exchange):
    await x.begin()
    await x.close()


@mode
async def reset_after_text(x: Exchange):
    await x.begin()
    await x.reset()


@mode
async def close_after_finish_reason(x: Exchange):
    await x.begin()
    await x.piece(x.wire.reason())
    await x.close()


@mode
async def reset_after_finish_reason(x: Exchange):
    await x.begin()
    await x.piece(x.wire.reason())
    await x.reset()


@mode
async def close_after_end(x: Exchange):
    await x.begin()
    await x.piece(x.ending)
    await x.close()


@mode
async def reset_after_end(x: Exchange):
    await x.begin()
    await x.piece(x.ending)
    await x.reset()


@mode
async def clean_end_without_terminator(x: Exchange):
    await x.begin()
    await x.end()


@mode
async def clean_end_by_length(x: Exchange):
    await x.answer(x.kept)


@mode
async def clean_end_by_closing(x: Exchange):
    await x.answer(x.kept, framing="close")


@mode
async def cut_record_at_clean_end(x: Exchange):
    await x.answer(x.kept + x.wire.word("lost")[:30])


@mode
async def empty_body(x: Exchange):
    await x.answer(b"")


@mode
async def no_content(x: Exchange):
    await x.raw(b"HTTP/1.1 204 No Content\r\n\r\n")


@mode
async def end_mark_alone(x: Exchange):
    await x.answer(b"data: [DONE]\n\n")


@mode
async def idle_connection_died(x: Exchange):
    # The first request is answered well; the connection then breaks as soon as it is used again.
    if x.count == 2:
        await x.reset()
    await x.answer()


@mode
async def idle_connection_closed(x: Exchange):
    if x.count == 2:
        await x.close()
    await x.answer()


@mode
async def idle_connection_timed_out(x: Exchange):
    await x.answer()
    await x.close()


@mode
async def second_answer_breaks_in_headers(x: Exchange):
    if x.count == 2:
        await x.raw(b"HTTP/1.1 200 OK\r\nContent-Ty")
        await x.close()
    await x.answer()


@mode
async def second_answer_breaks_after_headers(x: Exchange):
    if x.count == 2:
        await x.head()
        await x.close()
    await x.answer()


@mode
async def every_connection_dies(x: Exchange):
    await x.reset()


# framing


@mode
async def length_too_long_and_closed(x: Exchange):
    await x.answer(x.kept, framing=len(x.kept) + 500)
    await x.close()


@mode
async def length_too_long_after_end(x: Exchange):
    await x.answer(framing=len(x.good) + 500)
    await x.stall()


@mode
async def length_too_short(x: Exchange):
    # In one piece: the client must not see a complete answer in the part that fits.
    body = x.good
    await x.raw(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(x.kept), body))


@mode
async def length_that_is_no_number(x: Exchange):
    await x.answer(framing="many")


@mode
async def length_twice(x: Exchange):
    await x.answer(headers=["Content-Length: 5"])


@mode
async def chunk_size_is_garbage(x: Exchange):
    await x.begin()
    await asyncio.sleep(0.05)
    await x.raw(b"zz\r\n" + x.ending + b"\r\n")
    await x.stall()


@mode
async def chunk_without_its_line_end(x: Exchange):
    await x.begin()
    await asyncio.sleep(0.05)
    await x.raw(b"3\r\nabcdef\r\n")
    await x.stall()


@mode
async def chunk_of_endless_size(x: Exchange):
    await x.begin()
    await x.raw(b"F" * 15 + b"\r\n")
    await x.stall()


@mode
async def chunks_with_extensions_and_trailers(x: Exchange):
    await x.begin()
    await x.raw(b"%x;name=value\r\n%s\r\n" % (len(x.ending), x.ending))
    await x.raw(b"0\r\nX-Trailer: yes\r\n\r\n")


@mode
async def chunk_of_one_byte_each(x: Exchange):
    await x.head()
    for at in range(len(x.good)):
        await x.piece(x.good[at : at + 1])
    await x.end()


@mode
async def old_http_until_close(x: Exchange):
    await x.raw(f"HTTP/1.0 200 OK\r\nContent-Type: {x.wire.media}\r\n\r\n".encode() + x.good)
    await x.close()


@mode
async def status_line_without_reason(x: Exchange):
    await x.answer(status="200")


@mode
async def interim_answers_before(x: Exchange):
    await x.raw(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n")
    await x.answer()


@mode
async def switching_protocols(x: Exchange):
    await x.raw(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
    await x.stall()


@mode
async def not_http(x: Exchange):
    await x.raw(b"SSH-2.0-OpenSSH_9.6\r\n")
    await x.stall()


@mode
async def status_is_no_number(x: Exchange):
    await x.answer(status="fine OK")


@mode
async def one_huge_header(x: Exchange):
    await x.answer(headers=["X-Huge: " + "a" * 1_000_000])


@mode
async def headers_without_end(x: Exchange):
    await x.raw(b"HTTP/1.1 200 OK\r\n")
    await x.forever(b"".join(b"X-%d: %s\r\n" % (at, b"a" * 200) for at in range(200)), every=0, framed=False)


# contents


@mode
async def malformed_json(x: Exchange):
    await x.begin()
    await x.piece(x.wire.record(b'{"model":"tiny","choices":[{"delta":{"content":"lo'))
    await x.piece(x.wire.word("more") + x.ending)
    await x.end()


@mode
async def json_that_is_no_object(x: Exchange):
    await x.begin()
    await x.piece(x.wire.record(b'["text"]') + x.ending)
    await x.end()


@mode
async def json_nested_without_end(x: Exchange):
    await x.begin()
    await x.piece(x.wire.record(b"[" * 200_000) + x.ending)
    await x.end()


@mode
async def number_without_end(x: Exchange):
    await x.begin()
    await x.piece(x.wire.record(b'{"eval_count":' + b"9" * 2_000_000 + b"}") + x.ending)
    await x.end()


_ODD = [
    {"choices": None, "message": None, "usage": None, "model": 5},
    {"choices": {}, "message": [], "usage": [], "model": []},
    {"choices": [None, 3, "x", []], "message": "text"},
    {"choices": [{"index": "0", "delta": None, "message": 4}], "message": {"content": None}},
    {"choices": [{"index": 0, "delta": []}], "message": {"content": 7, "thinking": {}}},
    {"choices": [{"index": 0, "delta": {"content": 7, "reasoning": [], "tool_calls": {"a": 1}}}]},
    {"choices": [{"index": -4, "delta": {"content": "other"}}], "message": {"tool_calls": [None, {"function": 3}]}},
    {"choices": [{"index": 0, "delta": {"tool_calls": [None, {"index": "x", "function": []}]}, "finish_reason": 0}]},
    {"done": "true", "done_reason": 1, "prompt_eval_count": "many", "choices": [{"delta": {"images": [3]}}]},
]


@mode
async def wrong_types(x: Exchange):
    await x.begin()
    for value in _ODD:
        await x.piece(x.wire.record(value))
    await x.piece(x.ending)
    await x.end()


@mode
async def bad_utf8(x: Exchange):
    await x.head()
    await x.piece(x.wire.word("kept").replace(b"kept", b"ke\xff\xc3pt") + x.ending)
    await x.end()


@mode
async def half_a_surrogate(x: Exchange):
    await x.head()
    await x.piece(x.wire.word("kept").replace(b"kept", rb"ke\ud83dpt") + x.ending)
    await x.end()


@mode
async def surrogates_in_two_records(x: Exchange):
    first, second = (x.wire.word("kept").replace(b"kept", half) for half in (rb"a\ud83d", rb"\ude00b"))
    await x.head()
    await x.piece(first + second + x.ending)
    await x.end()


@mode
async def split_utf8(x: Exchange):
    await x.head()
    body = x.wire.word("Grün 模糊 😀") + x.ending
    for at in range(0, len(body), 3):
        await x.piece(body[at : at + 3])
        await asyncio.sleep(0)
    await x.end()


@mode
async def separators_of_unicode(x: Exchange):
    await x.answer(x.wire.word("a\u2028b\u0085c") + x.ending)


@mode
async def crlf_line_ends(x: Exchange):
    await x.answer(x.good.replace(b"\n", b"\r\n"))


@mode
async def cr_line_ends(x: Exchange):
    await x.answer(x.good.replace(b"\n", b"\r"))


@mode
async def crlf_split_between_pieces(x: Exchange):
    await x.head()
    for part in x.good.replace(b"\n", b"\r\n").split(b"\n"):
        await x.piece(part)
        await asyncio.sleep(0.002)
        await x.piece(b"\n")
    await x.end()


@mode
async def byte_order_mark(x: Exchange):
    await x.answer(b"\xef\xbb\xbf" + x.good)


@mode
async def no_blank_after_data(x: Exchange):
    await x.answer(x.good.replace(b"data: ", b"data:"))


@mode
async def data_on_several_lines(x: Exchange):
    await x.answer(x.good.replace(b',"', b'\ndata: ,"'))


@mode
async def events_with_names_and_numbers(x: Exchange):
    await x.answer(b"retry: 10\n\n" + x.good.replace(b"data: ", b"event: message\nid: 7\ndata: "))


@mode
async def record_without_its_line_end(x: Exchange):
    await x.answer(x.good.rstrip(b"\n"))


@mode
async def blank_lines_between(x: Exchange):
    await x.answer(b"\n\n" + x.good.replace(b"\n", b"\n\n \n\n" if x.wire.name == "ollama" else b"\n\n\n"))


@mode
async def line_without_end(x: Exchange):
    await x.begin()
    await x.forever(x.wire.record(b'{"x":"').rstrip() + b"a" * 256 * 1024, every=0)


@mode
async def event_of_endless_lines(x: Exchange):
    await x.begin()
    await x.forever((b"data: " + b"a" * 8000 + b"\n") * 32, every=0)


@mode
async def record_of_tiny_values(x: Exchange):
    # Seven megabytes that would be two hundred as objects.
    await x.begin()
    await x.piece(x.wire.record(b'{"x":[' + b"{}," * 2_400_000 + b"{}]}"))
    await x.piece(x.ending)
    await x.end()


@mode
async def record_of_wide_characters(x: Exchange):
    await x.begin()
    await x.piece(x.wire.word("a" * 6_000_000 + "😀"))
    await x.piece(x.ending)
    await x.end()


@mode
async def answer_without_end_at_full_speed(x: Exchange):
    await x.head()
    await x.forever(x.wire.word("a" * 60_000) * 4, every=0)


@mode
async def list_of_wrong_types(x: Exchange):
    good = json.loads(x.wire.models("tiny"))
    (items,) = (value for value in good.values() if isinstance(value, list))
    items[:0] = [None, 3, [], {}, {"name": 3, "id": []}, {"id": None, "name": None, "details": []}]
    items[-1].update(details=[], architecture="x", pricing=[1], meta=3, capabilities={}, context_length="many")
    await x.answer(json.dumps(good).encode())


@mode
async def list_is_another_object(x: Exchange):
    await x.answer(b'{"models":{"a":1},"data":"none"}')


@mode
async def list_nested_without_end(x: Exchange):
    await x.answer(b"[" * 200_000)


@mode
async def number_in_list_without_end(x: Exchange):
    await x.answer(b'{"models":[],"data":[],"n":' + b"9" * 2_000_000 + b"}")


@mode
async def list_without_end(x: Exchange):
    await x.begin()
    await x.forever(b" " * 256 * 1024, every=0)


# encodings and media types


@mode
async def gzip_body(x: Exchange):
    await x.answer(gzip.compress(x.good), headers=["Content-Encoding: gzip"])


@mode
async def gzip_in_two_members(x: Exchange):
    await x.answer(gzip.compress(x.kept) + gzip.compress(x.ending), headers=["Content-Encoding: x-gzip"])


@mode
async def deflate_body(x: Exchange):
    await x.answer(zlib.compress(x.good), headers=["Content-Encoding: deflate"])


@mode
async def raw_deflate_body(x: Exchange):
    squeeze = zlib.compressobj(wbits=-15)
    await x.answer(squeeze.compress(x.good) + squeeze.flush(), headers=["Content-Encoding: deflate"])


@mode
async def gzip_in_flushed_pieces(x: Exchange):
    squeeze = zlib.compressobj(wbits=31)
    await x.head(headers=["Content-Encoding: GZIP"])
    for part in (x.kept, x.ending):
        await x.piece(squeeze.compress(part) + squeeze.flush(zlib.Z_SYNC_FLUSH))
        await asyncio.sleep(0.01)
    await x.piece(squeeze.flush())
    await x.end()


@mode
async def gzip_that_is_cut(x: Exchange):
    squeeze = zlib.compressobj(wbits=31)
    await x.answer(squeeze.compress(x.kept) + squeeze.flush(zlib.Z_SYNC_FLUSH), headers=["Content-Encoding: gzip"])


@mode
async def gzip_that_is_none(x: Exchange):
    await x.answer(headers=["Content-Encoding: gzip"])


_BOMBS: list[bytes] = []


@mode
async def gzip_bomb(x: Exchange):
    if not _BOMBS:
        squeeze = zlib.compressobj(1, wbits=31)
        million = b"a" * 2**20
        _BOMBS.append(b"".join(squeeze.compress(million) for _ in range(512)) + squeeze.flush())
    await x.answer(_BOMBS[0], headers=["Content-Encoding: gzip"])


@mode
async def unknown_encoding(x: Exchange):
    await x.answer(b"\x28\xb5\x2f\xfd whatever", headers=["Content-Encoding: zstd"])


@mode
async def identity_encoding(x: Exchange):
    await x.answer(headers=["Content-Encoding: identity"])


_PAGE = b"<!DOCTYPE html><html><head><title>Sign in &amp; go</title></head><body>Please</body></html>"


@mode
async def web_page(x: Exchange):
    await x.answer(_PAGE, media="text/html; charset=utf-8")


@mode
async def web_page_without_a_type(x: Exchange):
    await x.answer(_PAGE, media="")


@mode
async def web_page_that_stalls(x: Exchange):
    await x.head(media="text/html")
    await x.piece(_PAGE[:70])
    await x.stall()


@mode
async def plain_text(x: Exchange):
    await x.answer(b"Ollama is running", media="text/plain")


@mode
async def other_media_type(x: Exchange):
    await x.answer(media="text/plain; charset=utf-8")


@mode
async def no_media_type(x: Exchange):
    await x.answer(media="")


@mode
async def stream_announced_as_json(x: Exchange):
    await x.answer(media="application/json")


@mode
async def whole_answer_instead_of_a_stream(x: Exchange):
    await x.answer(x.wire.whole("kept"), media="application/json")


@mode
async def whole_answer_announced_as_stream(x: Exchange):
    await x.answer(x.wire.whole("kept"))


# refusals


@mode
async def error_mid_stream(x: Exchange):
    await x.begin()
    await x.piece(x.wire.failure("the runner died"))
    await x.end()


@mode
async def error_mid_stream_then_stall(x: Exchange):
    await x.begin()
    await x.piece(x.wire.failure("the runner died"))
    await x.stall()


@mode
async def error_as_first_record(x: Exchange):
    await x.answer(x.wire.failure("the runner died"))


@mode
async def error_inside_200(x: Exchange):
    await x.answer(b'{"error":{"message":"upstream broke","code":502}}', media="application/json")


@mode
async def error_inside_200_announced_as_stream(x: Exchange):
    await x.answer(b'{"error":{"message":"upstream broke","code":502}}')


@mode
async def error_inside_200_on_several_lines(x: Exchange):
    body = json.dumps({"error": {"message": "upstream broke", "code": 502}}, indent=2).encode()
    await x.answer(body, media="application/json")


@mode
async def finish_reason_error(x: Exchange):
    await x.answer(x.kept + x.wire.chunk({}, "error"))


def _refusal(status, body, name):
    async def play(x: Exchange):
        await x.refuse(status, body)

    MODES[name] = play


for _status in (400, 401, 402, 403, 404, 408, 413, 422, 429, 500, 502, 503, 504, 524, 529):
    _refusal(f"{_status} Refused", {"error": {"message": "the server's own words"}}, f"status_{_status}")
    _refusal(f"{_status} Refused", None, f"status_{_status}_without_body")


@mode
async def status_500_with_a_page(x: Exchange):
    await x.answer(_PAGE, status="500 Oops", media="text/html")


@mode
async def status_500_body_stalls(x: Exchange):
    await x.head(status="500 Oops", media="application/json")
    await x.piece(b'{"error":"half')
    await x.stall()


@mode
async def status_500_body_drips(x: Exchange):
    await x.head(status="500 Oops", media="application/json")
    await x.forever(b" ")


@mode
async def status_500_body_without_end(x: Exchange):
    await x.head(status="500 Oops", media="application/json")
    await x.forever(b"x" * 65536, every=0)


@mode
async def status_400_unknown_encoding(x: Exchange):
    await x.answer(b"\x28\xb5\x2f\xfd whatever", status="400 No", headers=["Content-Encoding: zstd"])


# redirects: `elsewhere` is set by the test to the origin of a second server


def _redirect(name, status, where):
    async def play(x: Exchange):
        location = where(x)
        await x.refuse(status, None, [f"Location: {location}"] if location else [])

    MODES[name] = play


for _status in (301, 302, 303, 307, 308):
    _redirect(f"redirect_{_status}_elsewhere", f"{_status} Moved", lambda x: x.server.elsewhere + SECRET_PATH)
_redirect("redirect_same_origin", "307 Moved", lambda x: x.server.origin + "/chat/healthy" + x.wire.prefix)
_redirect("redirect_relative", "307 Moved", lambda x: "/chat/healthy")
_redirect("redirect_loop", "307 Moved", lambda x: x.request.target)
_redirect("redirect_without_location", "302 Moved", lambda x: "")
_redirect("redirect_to_a_script", "302 Moved", lambda x: "javascript:alert(1)")


# being asked to wait


def _busy(name, status, value, times=1):
    async def play(x: Exchange):
        if x.count > times:
            await x.answer()
        else:
            said = value() if callable(value) else value
            body = {"error": {"message": "later"}}
            await x.refuse(status, body, [] if said is None else [f"Retry-After: {said}"])

    MODES[name] = play


_always = 10**9
_busy("busy_503_once", "503 Busy", None)
_busy("busy_503_twice", "503 Busy", None, 2)
_busy("busy_502_once", "502 Bad Gateway", None)
_busy("busy_503_always", "503 Busy", None, _always)
_busy("retry_after_seconds", "429 Slow down", "0.3")
_busy("retry_after_date", "503 Busy", lambda: formatdate(time.time() + 1, usegmt=True))
_busy("retry_after_zero", "429 Slow down", "0")
_busy("retry_after_past_date", "503 Busy", "Sat, 21 Nov 2020 00:00:30 GMT")
_busy("retry_after_long", "429 Slow down", "3600", _always)
_busy("retry_after_far_date", "503 Busy", "Fri, 31 Dec 9999 23:59:59 GMT", _always)
_busy("retry_after_huge", "429 Slow down", "9" * 400)
_busy("retry_after_negative", "429 Slow down", "-5")
_busy("retry_after_words", "429 Slow down", "soon")
_busy("retry_after_no_date", "503 Busy", "Mon, 99 Zzz 2026 99:99:99 GMT")


# a second call over the same connection


@mode
async def forged_answer_behind_the_first(x: Exchange):
    if x.count == 1:
        body = x.good
        await x.raw(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s%s" % (len(body), body, _forged(x)))
    else:
        await x.answer()


@mode
async def forged_answer_while_idle(x: Exchange):
    await x.answer()
    if x.count == 1:
        await asyncio.sleep(0.05)
        await x.raw(_forged(x))


def _forged(x: Exchange) -> bytes:
    body = (x.wire.word("forged") + x.ending) if x.is_chat else x.wire.models("forged")
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


# in the middle of TLS


@mode
async def tls_alert(x: Exchange):
    # A fatal alert, "handshake failure": https://www.rfc-editor.org/rfc/rfc8446#section-6
    await x.raw(b"\x15\x03\x03\x00\x02\x02\x28")
    await x.close()
