"""The file that a batch writes: a record a line, appended as they finish, put into the input's order at the end.

Whatever ends the process, every record that was written before stays: lines are only ever appended, and the ordered file
replaces the other in one step. Of each record 25 bytes are kept in memory, however long its answer is.
"""

from __future__ import annotations

import contextlib
import json
import os
import stat
from array import array
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO

from nuke_ai_panel.batch.file_lock import FileLock
from nuke_ai_panel.errors import ValidationError

__all__ = ["ResultFile"]

_BEGINNING = b'{"request":"'

_NONE, _OK, _FAILED = 0, 1, 2


class ResultFile:
    """The results of one batch in the file at `path`, locked against a second run.

    Its methods block and are called by one thread at a time. A file that exists is read when `resume` says so, and is
    otherwise refused.

    Attributes:
        torn: whether the file ended in the middle of a line, which has been cut off.
        is_unlocked: whether this file system has no locks, so that nothing stops a second run.

    Raises:
        ValidationError: the file exists and is not to be resumed, is no result of a batch, or another run writes it.
        OSError: it cannot be written.
    """

    def __init__(self, path: Path, *, resume: bool = False) -> None:
        self.path = Path(os.path.realpath(path))
        self.torn = False
        self._offsets = array("q")
        self._digests = array("Q")
        #: Of the identifiers only whether they are the same is asked.
        self._names = array("q")
        self._states = bytearray()
        #: Where the answers lie that have no place any more, by the digest of what was asked.
        self._superseded: dict[int, deque[int]] = {}
        self._in_order = True
        self._highest = -1
        self._lock = FileLock(self.path.with_name(self.path.name + ".lock"))
        self.is_unlocked = not self._lock.is_held
        try:
            self._file = self._opened(resume)
        except BaseException:
            self._lock.release()
            raise

    def _opened(self, resume: bool) -> IO[bytes]:
        mode = os.stat(self.path).st_mode if self.path.exists() else None
        if mode is not None and not stat.S_ISREG(mode):
            raise ValidationError(f"{str(self.path)!r} is no file that results can be kept in.", field="out")
        if mode is not None and not resume:
            raise ValidationError(
                f"{str(self.path)!r} exists already. Go on with it (--resume), or choose another name.", field="out"
            )
        file = self.path.open("r+b" if mode is not None else "xb", buffering=0)
        try:
            self._end = self._read(file) if mode is not None else 0
            if os.fstat(file.fileno()).st_size > self._end:
                self.torn = True
                os.truncate(file.fileno(), self._end)
            file.seek(self._end)
        except BaseException:
            file.close()
            raise
        return file

    def _read(self, raw: IO[bytes]) -> int:
        """Take in what an earlier run has written; return where its last whole line ends."""
        end = number = 0
        with open(raw.fileno(), "rb", closefd=False) as file:
            for line in file:
                number += 1
                record = _record(line)
                if record is None:
                    if _is_torn(line):
                        break
                    raise ValidationError(
                        f"Line {number} of {str(self.path)!r} is no record of a batch, so nothing was changed."
                        " Choose another name for the results.",
                        field="out",
                    )
                if not line.endswith(b"\n"):
                    # The record is whole; only its line end was lost.
                    raw.seek(end + len(line))
                    raw.write(b"\n")
                    line += b"\n"
                self._note(*record, end)
                end += len(line)
        return end

    def _note(self, index: int, digest: int, name: str, is_ok: bool, offset: int) -> None:
        missing = index + 1 - len(self._states)
        if missing > 0:
            self._offsets.extend([-1] * missing)
            self._digests.extend([0] * missing)
            self._names.extend([0] * missing)
            self._states.extend(bytes(missing))
        if index <= self._highest:
            self._in_order = False
        if self._states[index] == _OK and self._digests[index] != digest:
            # An earlier run has asked another question in its place, and did not come to its end.
            self._set_aside(index)
        self._highest = max(self._highest, index)
        self._offsets[index] = offset
        self._digests[index] = digest
        self._names[index] = hash(name)
        self._states[index] = _OK if is_ok else _FAILED

    def __len__(self) -> int:
        """How many requests have a record."""
        return len(self._states) - self._states.count(_NONE)

    @property
    def set_aside(self) -> int:
        """How many answers belong to no request any more; they go into the file that ends in ``.superseded``."""
        return sum(1 for _ in self._orphans())

    @property
    def finished(self) -> int:
        """How many requests have an answer."""
        return self._states.count(_OK)

    def holds(self, index: int, digest: int, name: str | None = None) -> str:
        """Return ``"ok"`` or ``"failed"`` where there is a record of just this request, ``"changed"`` of another, or "".

        An answer whose identifier is another one than `name` belongs to another request too.
        """
        if index >= len(self._states) or self._states[index] == _NONE:
            return ""
        if self._digests[index] != digest:
            return "changed"
        if self._states[index] == _FAILED:
            return "failed"
        return "ok" if name is None or self._names[index] == hash(name) else "changed"

    def forget(self, index: int) -> None:
        """Take no notice of the record at `index` any more; an answer is moved aside at the end, or used again."""
        if self._states[index] == _OK:
            self._set_aside(index)
        self._states[index] = _NONE
        self._offsets[index] = -1
        self._in_order = False

    def _set_aside(self, index: int) -> None:
        self._superseded.setdefault(self._digests[index], deque()).append(self._offsets[index])

    def _orphans(self) -> Iterator[int]:
        """Yield where the answers lie whose question nobody asks any more, in the order in which they came."""
        if not self._superseded:
            return iter(())
        living = {
            digest for index, digest in enumerate(self._digests) if digest in self._superseded and self._states[index] == _OK
        }
        return iter(sorted(place for digest, places in self._superseded.items() if digest not in living for place in places))

    def reuse(self, wanted: Iterable[tuple[int, int, str, int]]) -> int:
        """Give answers that have no place any more to requests that ask the same elsewhere; return how many.

        `wanted` are requests by index, digest, identifier and line. One that has an answer already is passed over.

        Raises:
            OSError: a record could not be read or written.
        """
        count = 0
        if not self._superseded:
            return count
        with self.path.open("rb") as source:
            for index, digest, name, number in wanted:
                places = self._superseded.get(digest)
                if not places or self.holds(index, digest) == "ok":
                    continue
                source.seek(places.popleft())
                record = json.loads(source.readline())
                record.update(index=index, id=name, line=number)
                del record["request"]
                self.append(record, digest)
                count += 1
                if not places:
                    del self._superseded[digest]
        return count

    def indexes(self, start: int = 0) -> Iterator[int]:
        """Yield the indexes from `start` on that have a record."""
        return (index for index in range(start, len(self._states)) if self._states[index] != _NONE)

    def append(self, record: Mapping[str, object], digest: int) -> None:
        """Write `record` as one line. When this returns, nothing but a failing machine loses it.

        Raises:
            OSError: it could not be written; the file ends with the record before.
        """
        told = {"request": f"{digest:016x}", **record}
        line = _spelled(told) + b"\n"
        try:
            view = memoryview(line)
            while view:
                view = view[self._file.write(view) or 0 :]
        except OSError:
            with contextlib.suppress(OSError):
                os.truncate(self._file.fileno(), self._end)
                self._file.seek(self._end)
            raise
        index = told["index"]
        assert isinstance(index, int)
        self._note(index, digest, str(record.get("id", "")), "error" not in record, self._end)
        self._end += len(line)

    def sync(self) -> None:
        """Bring what was written to the disk, so that a failing machine does not lose it either."""
        os.fsync(self._file.fileno())

    def put_in_order(self) -> None:
        """Replace the file by one with each record once, in the input's order. Until the new one is whole, the old one stays.

        Answers to requests that are not in the input any more are added to a file beside it that ends in ``.superseded``.

        Raises:
            OSError: it could not be written; the file is as it was.
        """
        self.sync()
        if self._in_order:
            return
        orphans = list(self._orphans())
        if orphans:
            with self.path.with_name(self.path.name + ".superseded").open("ab") as aside:
                self._copy(orphans, aside)
        new = self.path.with_name(self.path.name + ".ordering")
        try:
            with new.open("wb") as file:
                self._copy((self._offsets[index] for index in self.indexes()), file)
            with contextlib.suppress(OSError):
                os.chmod(new, stat.S_IMODE(os.fstat(self._file.fileno()).st_mode))
            # Windows replaces no file that is open.
            self._file.close()
            os.replace(new, self.path)
        except OSError:
            with contextlib.suppress(OSError):
                new.unlink()
            raise
        _sync_folder(self.path.parent)

    def _copy(self, offsets: Iterable[int], target: IO[bytes]) -> None:
        with self.path.open("rb") as source:
            for offset in offsets:
                source.seek(offset)
                target.write(source.readline())
        target.flush()
        os.fsync(target.fileno())

    def close(self) -> None:
        """Bring everything to the disk and let another run have the file. May be called twice."""
        try:
            if not self._file.closed:
                self.sync()
                self._file.close()
        finally:
            self._lock.release()


def _is_torn(line: bytes) -> bool:
    """Return whether `line` is the beginning of a record, or the empty space that a machine without power leaves."""
    if line.endswith(b"\n"):
        return False
    return line.startswith(_BEGINNING[: len(line)]) or not line.strip(b"\0")


def _spelled(told: Mapping[str, object]) -> bytes:
    try:
        return json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode("utf-8")
    except UnicodeEncodeError:
        # Half a surrogate pair, which only an escape can spell.
        return json.dumps(told, separators=(",", ":")).encode("ascii")


def _record(line: bytes) -> tuple[int, int, str, bool] | None:
    """Return index, digest, identifier and success of a record, or None where `line` is none."""
    try:
        record = json.loads(line)
        index, digest = record["index"], int(record["request"], 16)
        is_whole = "response" in record or "error" in record
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    if not is_whole or isinstance(index, bool) or not isinstance(index, int) or index < 0 or not 0 <= digest < 1 << 64:
        return None
    return index, digest, str(record.get("id", "")), "error" not in record


def _sync_folder(folder: Path) -> None:
    # A folder cannot be opened on Windows, and need not be.
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
