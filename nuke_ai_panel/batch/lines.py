"""Read a batch from a file of JSON lines, one request a line, without ever holding more than one of them.

A line is the arguments of ``ChatCompletion.acreate`` with an optional ``"id"``, or a line of OpenAI's batch files:
``{"custom_id", "method", "url", "body"}`` (https://platform.openai.com/docs/guides/batch).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, NoReturn

from nuke_ai_panel.batch.running import BatchItem
from nuke_ai_panel.errors import ValidationError
from nuke_ai_panel.files import NamedFile
from nuke_ai_panel.providers.registry import PROVIDERS

__all__ = ["LONGEST_LINE", "Line", "RequestLines"]

LONGEST_LINE = 256 * 1024 * 1024
"""Bytes. A longer line is a failure of its own; pictures make lines long, but not that long."""

_CHAT_URL = "/v1/chat/completions"
_OUTSIDE = "Put it beside the batch file, or allow its folder with --files FOLDER."
_PLACE_FIELDS = ("base_url", "ca_file")
_SECRET_FIELDS = ("api_key", "key", "authorization", "headers", "extra_headers")


@dataclass(frozen=True)
class Line:
    """A line that is not blank: what it asks, its number in the file (from 1), and a digest that changes with what it asks."""

    item: BatchItem
    number: int
    digest: int


class RequestLines:
    """The lines of the file at `path`. It reads the file as it goes, and so blocks: use it in a worker thread.

    Where a line names no model, `model` is asked; where a model's name begins with no provider, `provider` is put before it.

    Files that a line names must lie in the folder of the file itself, from which relative names are taken, or in `folders`:
    whoever wrote the file could otherwise send any file of the one who runs it.

    Every line that is not blank has an index, from 0, also one that cannot be read: that one is an item with an error.
    """

    def __init__(
        self,
        path: Path,
        *,
        model: str = "",
        provider: str = "",
        folders: Sequence[Path] = (),
        longest: int = LONGEST_LINE,
    ) -> None:
        self._path = path
        self._folders = tuple(str(folder.absolute()) for folder in (path.parent, *folders))
        self._model = model
        self._provider = provider
        self._longest = longest

    def count(self) -> int:
        """Return how many lines there are."""
        with self._path.open("rb") as file:
            return sum(1 for _ in self._raw(file))

    def __iter__(self) -> Iterator[Line]:
        with self._path.open("rb") as file:
            for index, (number, raw) in enumerate(self._raw(file)):
                yield self._line(index, number, raw)

    def _raw(self, file: IO[bytes]) -> Iterator[tuple[int, bytes | None]]:
        """Yield number and bytes of each line that is not blank; None for one that is too long."""
        number = 0
        while raw := file.readline(self._longest + 1):
            number += 1
            if number == 1:
                raw = raw.removeprefix(b"\xef\xbb\xbf")
            if len(raw) > self._longest:
                while raw and not raw.endswith(b"\n"):
                    raw = file.readline(1 << 20)
                yield number, None
            elif raw.strip():
                yield number, raw

    def _line(self, index: int, number: int, raw: bytes | None) -> Line:
        if raw is None:
            error = ValidationError(
                f"Line {number} is longer than {self._longest >> 20} MB.", field="line", allowed=f"{self._longest} bytes"
            )
            return Line(BatchItem(index, error=error), number, 0)
        name = ""
        asked: dict[str, object] = {}
        failure: ValidationError | None = None
        try:
            asked = _parsed(raw)
            names = [asked.pop(field) for field in ("custom_id", "id") if field in asked]
            name = next((str(each) for each in names if each is not None), "")
            asked = self._request(asked)
            _refuse_keys_and_places(asked)
        except ValidationError as error:
            error.message = f"Line {number}: {error}"
            error.args = (error.message,)
            failure = error.with_traceback(None)
        if failure is not None:
            return Line(BatchItem(index, id=name, error=failure), number, _digest(raw))
        spelled = json.dumps(asked, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode("ascii")
        files = asked.get("attachments")
        if isinstance(files, list):
            asked["attachments"] = [
                NamedFile(each, self._folders, _OUTSIDE) if isinstance(each, str) else each for each in files
            ]
        return Line(BatchItem(index, asked, name), number, _digest(spelled))

    def _request(self, asked: dict[str, object]) -> dict[str, object]:
        """Return a line's request in our own form."""
        if "body" in asked:
            body, method, url = asked.pop("body"), asked.pop("method", "POST"), asked.pop("url", _CHAT_URL)
            if not isinstance(body, dict):
                raise ValidationError("The body of a request must be an object.", field="body", allowed="an object")
            if method != "POST" or not (isinstance(url, str) and url.endswith("/chat/completions")):
                raise ValidationError(
                    "A batch asks for chat completions only.", field="url", value=repr(url)[:80], allowed=f"POST {_CHAT_URL}"
                )
            if asked:
                raise ValidationError(
                    f"A request with a body has no field {min(asked)!r} beside it.",
                    field=min(asked),
                    allowed="custom_id, method, url, body",
                )
            asked = dict(body)
        if self._model and not asked.get("model"):
            asked["model"] = self._model
        name = asked.get("model")
        if not name:
            raise ValidationError(
                "It names no model, and no --model is given for all.", field="model", allowed="provider/model"
            )
        if self._provider and isinstance(name, str) and name.partition("/")[0] not in PROVIDERS:
            asked["model"] = f"{self._provider}/{name}"
        return asked


def _parsed(raw: bytes) -> dict[str, object]:
    failure: ValidationError
    try:
        # Without its end: what is missing there would otherwise be missed in the first column of a second line.
        value = json.loads(raw.decode("utf-8").rstrip(), parse_constant=_no_number)
    except UnicodeDecodeError as error:
        failure = ValidationError(f"It is not UTF-8: byte {error.start + 1} cannot be read.", field="line", allowed="UTF-8")
    except json.JSONDecodeError as error:
        failure = ValidationError(f"It is no JSON: {error.msg} at column {error.colno}.", field="line", allowed="a JSON object")
    except (ValueError, RecursionError):
        failure = ValidationError(
            "It is no JSON that can be read: too deep, or a number that is none.", field="line", allowed="a JSON object"
        )
    else:
        if isinstance(value, dict):
            return value
        failure = ValidationError(
            "It must be an object with the arguments of a request.",
            field="line",
            value=type(value).__name__,
            allowed="a JSON object",
        )
    # Raised out here: the decoder's error holds the whole line, and nothing of it is to hang on ours.
    raise failure


def _no_number(name: str) -> NoReturn:
    raise ValueError(name)


def _refuse_keys_and_places(asked: Mapping[str, object]) -> None:
    for name in asked:
        if name.lower() in _SECRET_FIELDS:
            raise ValidationError(
                f"A batch file holds no keys, so {name!r} is refused. Set the key in the environment or the keyring.",
                field=name,
                allowed="left out",
            )
        if name.lower() in _PLACE_FIELDS:
            # Whoever wrote the file could otherwise have the key of the one who runs it sent to a server of their own.
            raise ValidationError(
                f"A batch file names no servers, so {name!r} is refused. Set the address in Settings or the environment.",
                field=name,
                allowed="left out",
            )


def _digest(raw: bytes) -> int:
    return int.from_bytes(hashlib.sha256(raw).digest()[:8], "big")
