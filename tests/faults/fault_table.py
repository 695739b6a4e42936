"""The table of faults: what a server or the network does, and how the call ends. Data only.

The tests play every row (test_fault_table.py, test_connecting.py), and docs/faults.md is printed from it (fault_page.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Union

__all__ = ["CHAT", "CONNECTING", "GROUPS", "LIST", "Answer", "Cell", "Failure", "cells_of"]


@dataclass(frozen=True)
class Answer:
    """The oddity is legal or harmless: the call returns the right answer. ``requests`` is how many were sent."""

    text: str = "kept"
    requests: int = 1


@dataclass(frozen=True)
class Failure:
    """The call raises exactly this class of :mod:`nuke_ai_panel.errors`. ``text`` is its ``partial_text``."""

    error: str
    kind: str
    text: str = ""
    requests: int = 1
    says: str = ""


Outcome = Union[Answer, Failure]

GROUPS = {
    "silence": "Silence",
    "breaks": "Broken connections",
    "framing": "Broken HTTP",
    "contents": "Broken contents",
    "encodings": "Encodings and media types",
    "refusals": "Refusals",
    "redirects": "Redirects",
    "waiting": "Servers that ask to wait",
    "addresses": "Names and addresses",
    "tls": "TLS",
    "proxies": "Proxies",
}


@dataclass(frozen=True)
class Cell:
    """One row. ``outcome`` is one for all wires, or one for each; a wire that is missing has no such fault.

    Args:
        name: mode of the fault server.
        what: what happens, in words.
        deadlines: fields of ``Deadlines`` that differ from those of all cells.
        calls: how often the call is made; the outcome is that of the last one.
        on_accept: played on the bare connection, before a request is read.
    """

    group: str
    name: str
    what: str
    outcome: Outcome | Mapping[str, Outcome]
    deadlines: Mapping[str, float] = field(default_factory=dict)
    calls: int = 1
    on_accept: bool = False

    def on(self, wire: str) -> Outcome | None:
        """Return the outcome on `wire`, None where there is no such fault."""
        return self.outcome.get(wire) if isinstance(self.outcome, Mapping) else self.outcome


def cells_of(table: tuple[Cell, ...], wire: str, group: str = "") -> list[Cell]:
    """Return the rows of `table` that `wire` has, of one group or of all."""
    return [cell for cell in table if cell.on(wire) is not None and group in ("", cell.group)]


_NO_FIRST_BYTE = Failure("RequestTimeoutError", "first_byte_timeout")
_OUT_OF_TIME = Failure("RequestTimeoutError", "total_timeout")
_STALLED = Failure("StreamStalledError", "stalled", "kept")
_CUT = Failure("StreamInterruptedError", "interrupted", "kept")
_EMPTY = Failure("StreamInterruptedError", "interrupted")
_LOST = Failure("ConnectionFailedError", "connection_lost")
_BAD_HTTP = Failure("ProtocolError", "bad_http")
_BROKEN_JSON = Failure("ProtocolError", "broken_json", "kept")
_TOO_LONG = Failure("ProtocolError", "line_too_long", "kept")
_PAGE = Failure("ProtocolError", "web_page", says="(Sign in & go)")
_REDIRECT = Failure("ProtocolError", "redirect")
_SERVER = Failure("ServerError", "server_error")
_RATE = Failure("RateLimitError", "rate_limit")


def _openai(outcome: Outcome) -> Mapping[str, Outcome]:
    return {"openai": outcome}


def _by_wire(ollama: Outcome, openai: Outcome) -> Mapping[str, Outcome]:
    return {"ollama": ollama, "openai": openai}


_CHAT: tuple[Cell, ...] = (
    Cell("silence", "stall_before_headers", "takes the request, then silence", _NO_FIRST_BYTE),
    Cell("silence", "stall_in_headers", "half the headers, then silence", _NO_FIRST_BYTE),
    Cell("silence", "drip_headers", "headers that drip and never end", _NO_FIRST_BYTE),
    Cell("silence", "interim_answers_only", "`102 Processing` again and again", _NO_FIRST_BYTE),
    Cell("silence", "stall_after_headers", "headers, then silence", _NO_FIRST_BYTE),
    Cell(
        "silence",
        "stall_in_first_record",
        "a few bytes, then silence",
        Failure("StreamStalledError", "stalled"),
    ),
    Cell("silence", "stall_mid_stream", "text, then silence", _STALLED),
    Cell("silence", "stall_mid_record", "text and half a record, then silence", _STALLED),
    Cell(
        "silence",
        "keep_alives_only",
        "keep-alives (comments, blank lines) and nothing else",
        Failure("StreamStalledError", "stalled", says="signs of life"),
    ),
    Cell(
        "silence",
        "keep_alives_after_text",
        "text, then keep-alives only",
        Failure("StreamStalledError", "stalled", "kept", says="signs of life"),
    ),
    Cell(
        "silence",
        "keep_alives_at_full_speed",
        "text, then keep-alives as fast as they go",
        Failure("StreamStalledError", "stalled", "kept", says="signs of life"),
    ),
    Cell(
        "silence",
        "drip_that_makes_no_record",
        "text, then bytes that drip and never make a record",
        Failure("StreamStalledError", "stalled", "kept", says="signs of life"),
    ),
    Cell(
        "silence",
        "chunks_without_content",
        "text, then records without content",
        Failure("StreamStalledError", "stalled", "kept", says="signs of life"),
    ),
    Cell("silence", "pings_of_another_protocol", "text, then pings of another protocol", _openai(_STALLED)),
    Cell("silence", "stall_after_finish_reason", "complete but for `[DONE]`, then silence", _openai(Answer())),
    Cell("silence", "keep_alives_after_finish_reason", "complete but for `[DONE]`, then keep-alives", _openai(Answer())),
    Cell("silence", "hang_after_end", "complete, but the body never ends", Answer()),
    Cell("silence", "endless_after_end", "complete, then goes on sending without end", Answer()),
    Cell(
        "silence",
        "text_without_end",
        "text without end, and `total` is over",
        Failure("RequestTimeoutError", "total_timeout", "keptkept"),
        {"total": 1.5},
    ),
    Cell("silence", "keep_alives_only", "keep-alives only, and `total` is over", _OUT_OF_TIME, {"total": 1.0, "silence": 20}),
    Cell("silence", "stall_before_headers", "silence, and `total` is over", _OUT_OF_TIME, {"total": 1.0, "first_byte": 20}),
    Cell("breaks", "close_before_headers", "closed as soon as it is accepted", _LOST, on_accept=True),
    Cell("breaks", "reset_before_headers", "reset as soon as it is accepted", _LOST, on_accept=True),
    Cell("breaks", "close_before_headers", "closed before the headers", _LOST),
    Cell("breaks", "reset_before_headers", "reset before the headers", _LOST),
    Cell("breaks", "close_in_headers", "closed in the headers", _LOST),
    Cell("breaks", "reset_in_headers", "reset in the headers", _LOST),
    Cell("breaks", "close_after_headers", "closed after the headers", _EMPTY),
    Cell("breaks", "reset_after_headers", "reset after the headers", _EMPTY),
    Cell("breaks", "close_mid_record", "closed in the middle of a record", _CUT),
    Cell("breaks", "reset_mid_record", "reset in the middle of a record", _CUT),
    Cell("breaks", "close_after_text", "closed after some text", _CUT),
    Cell("breaks", "reset_after_text", "reset after some text", _CUT),
    Cell("breaks", "close_after_finish_reason", "closed where only `[DONE]` is missing", _openai(Answer())),
    Cell("breaks", "reset_after_finish_reason", "reset where only `[DONE]` is missing", _openai(Answer())),
    Cell("breaks", "close_after_end", "closed after the end mark, inside of the body", Answer()),
    Cell("breaks", "reset_after_end", "reset after the end mark, inside of the body", Answer()),
    Cell("breaks", "clean_end_without_terminator", "a clean end of the body without an end mark", _CUT),
    Cell("breaks", "clean_end_by_length", "the same, by `Content-Length`", _CUT),
    Cell("breaks", "clean_end_by_closing", "the same, by closing", _CUT),
    Cell("breaks", "cut_record_at_clean_end", "a clean end in the middle of a record", _CUT),
    Cell("breaks", "empty_body", "status 200 and an empty body", _EMPTY),
    Cell("breaks", "no_content", "status 204", _EMPTY),
    Cell("breaks", "end_mark_alone", "`[DONE]` and nothing else", _openai(_EMPTY)),
    Cell("breaks", "idle_connection_died", "a kept-alive connection is reset when used again", Answer(requests=3), calls=2),
    Cell("breaks", "idle_connection_closed", "a kept-alive connection is closed when used again", Answer(requests=3), calls=2),
    Cell("breaks", "idle_connection_timed_out", "a kept-alive connection was closed meanwhile", Answer(requests=2), calls=2),
    Cell(
        "breaks",
        "second_answer_breaks_in_headers",
        "a kept-alive connection breaks in the next headers",
        Failure("ConnectionFailedError", "connection_lost", requests=2),
        calls=2,
    ),
    Cell(
        "breaks",
        "second_answer_breaks_after_headers",
        "a kept-alive connection breaks after the next headers",
        Failure("StreamInterruptedError", "interrupted", requests=2),
        calls=2,
    ),
    Cell("breaks", "every_connection_dies", "every connection is reset", _LOST),
    Cell("framing", "length_too_long_and_closed", "less than `Content-Length`, then closed", _CUT),
    Cell("framing", "length_too_long_after_end", "complete, but less than `Content-Length`, then silence", Answer()),
    Cell("framing", "length_too_short", "more than `Content-Length`, in one piece", _BAD_HTTP),
    Cell("framing", "length_that_is_no_number", "`Content-Length: many`", _BAD_HTTP),
    Cell("framing", "length_twice", "two lengths that differ", _BAD_HTTP),
    Cell("framing", "chunk_size_is_garbage", "text, then a chunk size that is no number", _CUT),
    Cell("framing", "chunk_without_its_line_end", "text, then a chunk longer than its size", _CUT),
    Cell("framing", "chunk_of_endless_size", "text, then a chunk of 2^60 bytes that does not come", _STALLED),
    Cell("framing", "chunks_with_extensions_and_trailers", "chunk extensions and trailers", Answer()),
    Cell("framing", "chunk_of_one_byte_each", "every byte in its own chunk", Answer()),
    Cell("framing", "old_http_until_close", "HTTP/1.0, ended by closing", Answer()),
    Cell("framing", "status_line_without_reason", "`HTTP/1.1 200` without a phrase", Answer()),
    Cell("framing", "interim_answers_before", "`100 Continue` and `103 Early Hints` first", Answer()),
    Cell("framing", "switching_protocols", "`101 Switching Protocols`", _BAD_HTTP),
    Cell("framing", "not_http", "another protocol (SSH)", _BAD_HTTP),
    Cell("framing", "status_is_no_number", "a status that is no number", _BAD_HTTP),
    Cell("framing", "one_huge_header", "a header of 1 MB", _BAD_HTTP),
    Cell("framing", "headers_without_end", "headers without end", _BAD_HTTP),
    Cell(
        "framing",
        "forged_answer_behind_the_first",
        "a second answer behind the first, not asked for; the next call",
        Answer(requests=2),
        calls=2,
    ),
    Cell(
        "framing",
        "forged_answer_while_idle",
        "an answer on an idle connection, not asked for; the next call",
        Answer(requests=2),
        calls=2,
    ),
    Cell("contents", "malformed_json", "broken JSON between text", _BROKEN_JSON),
    Cell("contents", "json_that_is_no_object", "JSON that is no object", Failure("ProtocolError", "not_an_object", "kept")),
    Cell("contents", "json_nested_without_end", "JSON nested 200,000 deep", _BROKEN_JSON),
    Cell("contents", "number_without_end", "a number of two million digits", _BROKEN_JSON),
    Cell("contents", "wrong_types", "legal JSON with wrong types everywhere", Answer()),
    Cell("contents", "bad_utf8", "bytes that are not UTF-8", Answer("ke\ufffd\ufffdpt")),
    Cell("contents", "half_a_surrogate", "half of a surrogate pair", Answer("ke\ufffdpt")),
    Cell("contents", "surrogates_in_two_records", "a surrogate pair cut into two records", Answer("a😀b")),
    Cell("contents", "split_utf8", "characters cut between pieces", Answer("Grün 模糊 😀")),
    Cell("contents", "separators_of_unicode", "U+2028 and U+0085 in the text", Answer("a\u2028b\u0085c")),
    Cell("contents", "crlf_line_ends", "lines that end with CR LF", Answer()),
    Cell("contents", "crlf_split_between_pieces", "CR and LF in two pieces", Answer()),
    Cell("contents", "cr_line_ends", "lines that end with CR alone", _by_wire(_EMPTY, Answer())),
    Cell("contents", "byte_order_mark", "a byte order mark", Answer()),
    Cell("contents", "no_blank_after_data", "no blank after `data:`", _openai(Answer())),
    Cell("contents", "data_on_several_lines", "an event's data on several lines", _openai(Answer())),
    Cell("contents", "events_with_names_and_numbers", "`event:`, `id:` and `retry:`", _openai(Answer())),
    Cell("contents", "record_without_its_line_end", "the last line without its end", Answer()),
    Cell("contents", "blank_lines_between", "more blank lines than needed", Answer()),
    Cell("contents", "text_after_end", "text after the end mark", Answer()),
    Cell("contents", "line_without_end", "a line without end", _TOO_LONG),
    Cell("contents", "record_of_tiny_values", "a record of 7 MB of tiny values", _TOO_LONG),
    Cell("contents", "record_of_wide_characters", "a record of 6 MB of text with one emoji", _TOO_LONG),
    Cell(
        "contents",
        "answer_without_end_at_full_speed",
        "text without end",
        Failure("ProtocolError", "too_long", "a" * 500),
    ),
    Cell("contents", "event_of_endless_lines", "an event whose lines never end", _openai(_TOO_LONG)),
    Cell("encodings", "gzip_body", "gzip", Answer()),
    Cell("encodings", "gzip_in_flushed_pieces", "gzip in pieces", Answer()),
    Cell("encodings", "gzip_in_two_members", "two gzip files, one after another", Answer()),
    Cell("encodings", "deflate_body", "deflate", Answer()),
    Cell("encodings", "raw_deflate_body", "deflate without its wrapper", Answer()),
    Cell("encodings", "identity_encoding", "`Content-Encoding: identity`", Answer()),
    Cell("encodings", "gzip_that_is_cut", "gzip that is cut", _CUT),
    Cell("encodings", "gzip_that_is_none", "gzip that is none", Failure("ProtocolError", "bad_encoding")),
    Cell("encodings", "gzip_bomb", "500 KB of gzip that grow to 512 MB", Failure("ProtocolError", "line_too_long")),
    Cell("encodings", "unknown_encoding", "an encoding that was not asked for", Failure("ProtocolError", "bad_encoding")),
    Cell("encodings", "web_page", "a web page with status 200", _PAGE),
    Cell("encodings", "web_page_without_a_type", "the same without a media type", _PAGE),
    Cell("encodings", "web_page_that_stalls", "a web page that never ends", Failure("ProtocolError", "web_page")),
    Cell("encodings", "plain_text", "a line of plain text", _by_wire(_EMPTY, _EMPTY)),
    Cell("encodings", "other_media_type", "a good stream called `text/plain`", Answer()),
    Cell("encodings", "no_media_type", "a good stream without a media type", Answer()),
    Cell("encodings", "stream_announced_as_json", "a good stream called `application/json`", Answer()),
    Cell("encodings", "whole_answer_instead_of_a_stream", "one JSON answer instead of a stream", Answer()),
    Cell("encodings", "whole_answer_announced_as_stream", "one JSON answer called a stream", Answer()),
    Cell("refusals", "error_mid_stream", "text, then an error object", Failure("ServerError", "server_error", "kept")),
    Cell(
        "refusals",
        "error_mid_stream_then_stall",
        "text, then an error object, then silence",
        Failure("ServerError", "server_error", "kept"),
    ),
    Cell("refusals", "error_as_first_record", "an error object instead of text", _SERVER),
    Cell("refusals", "error_inside_200", "JSON with an error, status 200", _SERVER),
    Cell("refusals", "error_inside_200_announced_as_stream", "the same, called a stream", _SERVER),
    Cell("refusals", "error_inside_200_on_several_lines", "the same, on several lines", _SERVER),
    Cell(
        "refusals",
        "finish_reason_error",
        'text, then `finish_reason: "error"`',
        _openai(Failure("ServerError", "server_error", "kept")),
    ),
    Cell("refusals", "status_500_with_a_page", "500 with a web page", _SERVER),
    Cell("refusals", "status_500_body_stalls", "500 with a body that stalls", _SERVER),
    Cell("refusals", "status_500_body_drips", "500 with a body that drips", _SERVER),
    Cell("refusals", "status_500_body_without_end", "500 with a body without end", _SERVER),
    Cell("refusals", "status_400_unknown_encoding", "400 in an unknown encoding", Failure("BadRequestError", "bad_request")),
    *(
        Cell("redirects", f"redirect_{status}_elsewhere", f"{status} to another origin", _REDIRECT)
        for status in (301, 302, 303, 307, 308)
    ),
    Cell("redirects", "redirect_same_origin", "307 to the same origin", _REDIRECT),
    Cell("redirects", "redirect_relative", "307 to a relative address", _REDIRECT),
    Cell("redirects", "redirect_loop", "307 to itself", _REDIRECT),
    Cell("redirects", "redirect_without_location", "302 without `Location`", _REDIRECT),
    Cell("redirects", "redirect_to_a_script", "302 to `javascript:`", _REDIRECT),
    Cell("waiting", "busy_503_once", "503, then well", Answer(requests=2)),
    Cell("waiting", "busy_503_twice", "503 twice, then well", Answer(requests=3)),
    Cell("waiting", "busy_502_once", "502, then well", Answer(requests=2)),
    Cell("waiting", "busy_503_always", "503 every time", Failure("ServerError", "server_error", requests=3)),
    Cell("waiting", "busy_503_always", "503, and no retries allowed", _SERVER, {"retries": 0}),
    Cell("waiting", "retry_after_seconds", "429 with `Retry-After` in seconds, then well", Answer(requests=2)),
    Cell("waiting", "retry_after_date", "503 with `Retry-After` as a date, then well", Answer(requests=2)),
    Cell("waiting", "retry_after_zero", "`Retry-After: 0`, then well", Answer(requests=2)),
    Cell("waiting", "retry_after_past_date", "`Retry-After` with a past date, then well", Answer(requests=2)),
    Cell("waiting", "retry_after_long", "429 with `Retry-After: 3600`", _RATE),
    Cell("waiting", "retry_after_far_date", "503 with a date in the year 9999", _SERVER),
    Cell("waiting", "retry_after_huge", "`Retry-After` of 400 digits, then well", Answer(requests=2)),
    Cell("waiting", "retry_after_negative", "`Retry-After: -5`, then well", Answer(requests=2)),
    Cell("waiting", "retry_after_words", "`Retry-After: soon`, then well", Answer(requests=2)),
    Cell("waiting", "retry_after_no_date", "`Retry-After` with an impossible date, then well", Answer(requests=2)),
)


_STATUS: tuple[tuple[int, Failure], ...] = (
    (400, Failure("BadRequestError", "bad_request")),
    (401, Failure("AuthenticationError", "authentication")),
    (402, Failure("PaymentRequiredError", "payment_required")),
    (403, Failure("PermissionDeniedError", "permission_denied")),
    (404, Failure("BadRequestError", "bad_request")),
    (408, Failure("RequestTimeoutError", "gateway_timeout")),
    (413, Failure("BadRequestError", "too_large")),
    (422, Failure("BadRequestError", "bad_request")),
    (429, Failure("RateLimitError", "rate_limit", requests=3)),
    (500, _SERVER),
    (502, Failure("ServerError", "server_error", requests=3)),
    (503, Failure("ServerError", "server_error", requests=3)),
    (504, Failure("RequestTimeoutError", "gateway_timeout")),
    (524, Failure("RequestTimeoutError", "gateway_timeout")),
    (529, _SERVER),
)
_NO_SUCH_HOST_NAME = _by_wire(Failure("PermissionDeniedError", "host_name"), dict(_STATUS)[403])

CHAT: tuple[Cell, ...] = (
    *_CHAT,
    *(Cell("refusals", f"status_{status}", f"{status} with the server's words", outcome) for status, outcome in _STATUS),
    *(
        Cell(
            "refusals",
            f"status_{status}_without_body",
            f"{status} without a word",
            _NO_SUCH_HOST_NAME if status == 403 else outcome,
        )
        for status, outcome in _STATUS
    ),
)

_LATE = Failure("RequestTimeoutError", "timeout")
_NO_LIST = Failure("ProtocolError", "no_model_list")
_HALF_LIST = Failure("ProtocolError", "broken_json")
_LIST = Answer("tiny")

LIST: tuple[Cell, ...] = (
    Cell("silence", "stall_before_headers", "takes the request, then silence", _LATE),
    Cell("silence", "stall_in_headers", "half the headers, then silence", _LATE),
    Cell("silence", "drip_headers", "headers that drip and never end", _LATE),
    Cell("silence", "interim_answers_only", "`102 Processing` again and again", _LATE),
    Cell("silence", "stall_after_headers", "headers, then silence", _LATE),
    Cell("silence", "stall_mid_stream", "half the answer, then silence", _LATE),
    Cell("silence", "keep_alives_only", "blank lines without end", _LATE),
    Cell("silence", "hang_after_end", "complete, but the body never ends", _LATE),
    Cell("breaks", "close_before_headers", "closed as soon as it is accepted", _LOST, on_accept=True),
    Cell("breaks", "reset_before_headers", "reset before the headers", _LOST),
    Cell("breaks", "close_in_headers", "closed in the headers", _LOST),
    Cell("breaks", "reset_after_headers", "reset after the headers", _LOST),
    Cell("breaks", "close_after_text", "closed in the middle", _LOST),
    Cell("breaks", "reset_after_text", "reset in the middle", _LOST),
    Cell("breaks", "clean_end_without_terminator", "a clean end in the middle", _HALF_LIST),
    Cell("breaks", "clean_end_by_length", "the same, by `Content-Length`", _HALF_LIST),
    Cell("breaks", "clean_end_by_closing", "the same, by closing", _HALF_LIST),
    Cell("breaks", "empty_body", "status 200 and an empty body", _NO_LIST),
    Cell("breaks", "no_content", "status 204", _NO_LIST),
    Cell("breaks", "idle_connection_died", "a kept-alive connection is reset when used again", Answer("tiny", 3), calls=2),
    Cell("breaks", "idle_connection_closed", "a kept-alive connection is closed when used again", Answer("tiny", 3), calls=2),
    Cell("framing", "length_too_long_and_closed", "less than `Content-Length`, then closed", _LOST),
    Cell("framing", "length_too_short", "more than `Content-Length`, in one piece", _BAD_HTTP),
    Cell("framing", "length_that_is_no_number", "`Content-Length: many`", _BAD_HTTP),
    Cell("framing", "chunk_size_is_garbage", "a chunk size that is no number", _LOST),
    Cell("framing", "chunks_with_extensions_and_trailers", "chunk extensions and trailers", _LIST),
    Cell("framing", "interim_answers_before", "`100 Continue` and `103 Early Hints` first", _LIST),
    Cell("framing", "switching_protocols", "`101 Switching Protocols`", _BAD_HTTP),
    Cell("framing", "not_http", "another protocol (SSH)", _BAD_HTTP),
    Cell("framing", "one_huge_header", "a header of 1 MB", _BAD_HTTP),
    Cell("framing", "headers_without_end", "headers without end", _BAD_HTTP),
    Cell(
        "framing", "forged_answer_behind_the_first", "a second answer, not asked for; the next call", Answer("tiny", 2), calls=2
    ),
    Cell("framing", "forged_answer_while_idle", "an answer on an idle connection; the next call", Answer("tiny", 2), calls=2),
    Cell("contents", "byte_order_mark", "a byte order mark", _LIST),
    Cell("contents", "list_of_wrong_types", "legal JSON with wrong types everywhere", _LIST),
    Cell("contents", "list_is_another_object", "JSON that is no list of models", _NO_LIST),
    Cell("contents", "list_nested_without_end", "JSON nested 200,000 deep", _HALF_LIST),
    Cell("contents", "number_in_list_without_end", "a number of two million digits", _HALF_LIST),
    Cell("contents", "list_without_end", "a body without end", Failure("ProtocolError", "too_long")),
    Cell("encodings", "gzip_body", "gzip", _LIST),
    Cell("encodings", "deflate_body", "deflate", _LIST),
    Cell("encodings", "raw_deflate_body", "deflate without its wrapper", _LIST),
    Cell("encodings", "gzip_that_is_none", "gzip that is none", Failure("ProtocolError", "bad_encoding")),
    Cell("encodings", "gzip_bomb", "500 KB of gzip that grow to 512 MB", Failure("ProtocolError", "too_long")),
    Cell("encodings", "unknown_encoding", "an encoding that was not asked for", Failure("ProtocolError", "bad_encoding")),
    Cell("encodings", "web_page", "a web page with status 200", _PAGE),
    Cell("encodings", "web_page_without_a_type", "the same without a media type", _PAGE),
    Cell("encodings", "plain_text", "a line of plain text", _HALF_LIST),
    Cell("encodings", "other_media_type", "a good list called `text/plain`", _LIST),
    Cell("refusals", "status_401", "401", Failure("AuthenticationError", "authentication")),
    Cell("refusals", "status_403", "403", Failure("PermissionDeniedError", "permission_denied")),
    Cell("refusals", "status_404", "404", Failure("ProtocolError", "no_api")),
    Cell("refusals", "status_429", "429", Failure("RateLimitError", "rate_limit", requests=3)),
    Cell("refusals", "status_500", "500", _SERVER),
    Cell("refusals", "status_500_with_a_page", "500 with a web page", _SERVER),
    Cell("refusals", "status_500_body_stalls", "500 with a body that stalls", _SERVER),
    Cell("refusals", "status_500_body_drips", "500 with a body that drips", _SERVER),
    Cell("refusals", "status_500_body_without_end", "500 with a body without end", _SERVER),
    Cell("refusals", "status_503_without_body", "503 without a word", Failure("ServerError", "server_error", requests=3)),
    Cell("redirects", "redirect_307_elsewhere", "307 to another origin", _REDIRECT),
    Cell("redirects", "redirect_loop", "307 to itself", _REDIRECT),
    Cell("waiting", "busy_503_once", "503, then well", Answer("tiny", 2)),
    Cell("waiting", "retry_after_seconds", "429 with `Retry-After` in seconds, then well", Answer("tiny", 2)),
    Cell("waiting", "retry_after_date", "503 with `Retry-After` as a date, then well", Answer("tiny", 2)),
    Cell("waiting", "retry_after_long", "429 with `Retry-After: 3600`", _RATE),
    Cell("waiting", "retry_after_words", "`Retry-After: soon`, then well", Answer("tiny", 2)),
)

_NOT_CONNECTED = Failure("RequestTimeoutError", "connect_timeout", requests=0)


def _unconnected(kind: str) -> Failure:
    return Failure("ConnectionFailedError", kind, requests=0)


CONNECTING: tuple[Cell, ...] = (
    Cell("addresses", "nothing_listens", "nothing listens on the port", _unconnected("connection_refused")),
    Cell("addresses", "no_such_host", "no such host", _unconnected("name_not_found")),
    Cell("addresses", "name_that_is_none", "a name that no host can have", _unconnected("name_not_found")),
    Cell("addresses", "lookup_never_ends", "a name server that never answers", _NOT_CONNECTED),
    Cell("addresses", "ipv6", "IPv6", Answer()),
    Cell("addresses", "first_address_refuses", "the name's first address refuses", Answer()),
    Cell("addresses", "first_address_is_silent", "the name's first address swallows everything", Answer()),
    Cell("addresses", "first_address_is_dead_ipv6", "the name's IPv6 address is dead", Answer()),
    Cell("addresses", "every_address_refuses", "all addresses refuse", _unconnected("connection_refused")),
    Cell("addresses", "every_address_is_silent", "all addresses swallow everything", _NOT_CONNECTED),
    Cell("tls", "studio_authority", "a certificate of the studio's authority, with its CA file", Answer()),
    Cell("tls", "unknown_authority", "the same without its CA file", _unconnected("certificate_unknown")),
    Cell("tls", "self_signed", "self-signed", _unconnected("certificate_unknown")),
    Cell("tls", "other_name", "for another name", _unconnected("certificate_name")),
    Cell("tls", "other_address", "for another address", _unconnected("certificate_name")),
    Cell("tls", "expired", "expired", _unconnected("certificate_expired")),
    Cell("tls", "not_yet_valid", "not valid yet", _unconnected("certificate_expired")),
    Cell("tls", "ca_file_missing", "a CA file that is not there", _unconnected("ca_file")),
    Cell("tls", "https_at_an_http_port", "`https://` at a plain port", _unconnected("tls")),
    Cell("tls", "http_at_an_https_port", "`http://` at a TLS port", _unconnected("connection_lost")),
    Cell("tls", "handshake_stalls", "a handshake that stalls", _NOT_CONNECTED),
    Cell("tls", "handshake_refused", "no common version or cipher", _unconnected("tls")),
    Cell("tls", "handshake_broken", "closed in the handshake", _unconnected("connection_lost")),
    Cell(
        "tls",
        "cut_without_goodbye",
        "text, then cut without TLS's own end",
        Failure("StreamInterruptedError", "interrupted", "kept"),
    ),
    Cell("proxies", "plain_proxy", "`http://` through a proxy", Answer()),
    Cell("proxies", "tunnel", "`https://` through a proxy", Answer()),
    Cell("proxies", "plain_proxy_with_login", "`http://` through a proxy with a login", Answer()),
    Cell("proxies", "tunnel_with_login", "`https://` through a proxy with a login", Answer()),
    Cell("proxies", "plain_proxy_wants_login", "`http://`, and the proxy wants a login (407)", _unconnected("proxy")),
    Cell("proxies", "tunnel_wants_login", "`https://`, and the proxy wants a login (407)", _unconnected("proxy")),
    Cell("proxies", "tunnel_refused", "the proxy refuses (403)", _unconnected("proxy")),
    Cell("proxies", "tunnel_fails", "the proxy cannot reach the server (502)", _unconnected("proxy")),
    Cell("proxies", "proxy_is_dead", "nothing listens at the proxy's port", _unconnected("proxy")),
    Cell("proxies", "proxy_is_silent", "the proxy never answers", _NOT_CONNECTED),
    Cell("proxies", "proxy_closes", "the proxy closes the connection", _unconnected("proxy")),
    Cell("proxies", "proxy_is_none", "what is called a proxy speaks SSH", _unconnected("proxy")),
    Cell(
        "proxies", "certificate_behind_proxy", "a certificate nobody knows, behind a proxy", _unconnected("certificate_unknown")
    ),
)
