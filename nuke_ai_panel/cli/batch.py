"""``batch``: a file of requests in, a file of answers out, whatever happens in between."""

from __future__ import annotations

import asyncio
import codecs
import contextlib
import os
import shlex
import signal
from argparse import Namespace
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from nuke_ai_panel.batch.lines import Line, RequestLines
from nuke_ai_panel.batch.pacing import MAX_WAIT, Gates, Rates
from nuke_ai_panel.batch.records import BatchProgress, BatchRecord, error_to_dict
from nuke_ai_panel.batch.result_file import ResultFile
from nuke_ai_panel.batch.running import BatchItem, check_concurrency, check_wait, work_through
from nuke_ai_panel.cli.exit_codes import ExitCode
from nuke_ai_panel.cli.progress_line import ProgressLine, in_words
from nuke_ai_panel.cli.screen import Screen
from nuke_ai_panel.errors import ConnectionFailedError, ValidationError
from nuke_ai_panel.providers.registry import PROVIDERS

__all__ = ["batch"]

T = TypeVar("T")

_SYNC_EVERY = 1.0
"""Seconds. What a machine that loses its power may lose; a process that is killed loses nothing."""


def batch(arguments: Namespace) -> int:
    """Send every request of a file and write its record to another, each as soon as it is finished."""
    source, out = Path(arguments.input), Path(arguments.out)
    _check_source(source)
    if out.exists() and os.path.samefile(source, out):
        raise ValidationError("The results cannot be written to the file that the requests come from.", field="out")
    if arguments.provider and arguments.provider not in PROVIDERS:
        raise ValidationError(f"There is no provider {arguments.provider!r}. Known: {', '.join(PROVIDERS)}.", field="provider")
    check_concurrency(arguments.concurrency)
    check_wait(arguments.max_wait)
    if arguments.max_cost is not None and not arguments.max_cost > 0:
        raise ValidationError(f"--max-cost {arguments.max_cost:g} allows nothing; give US dollars above 0.", field="max_cost")
    if not out.parent.is_dir():
        raise ValidationError(f"There is no folder {str(out.parent)!r} to write the results in.", field="out")
    gates = Gates(_rates(arguments.rate))
    screen = Screen(as_json=arguments.json)
    with contextlib.closing(ResultFile(out, resume=arguments.resume)) as results:
        folders = [Path(folder) for folder in arguments.files or ()]
        lines = RequestLines(source, model=arguments.model, provider=arguments.provider, folders=folders)
        run = _Run(arguments, lines, results, gates, screen)
        try:
            asyncio.run(run.main())
        except (KeyboardInterrupt, OSError) as error:
            screen.note(f"What was finished is kept in {arguments.out}. Go on with: {run.command()}")
            if isinstance(error, OSError):
                raise
            return ExitCode.INTERRUPTED
        screen.result(run.summary())
        return run.exit_code()


def _check_source(source: Path) -> None:
    """Return if requests can be read from `source`, before anything is written.

    Raises:
        ValidationError: it is no file, or one in an encoding that is not read.
        OSError: it cannot be read.
    """
    if source.exists() and not source.is_file():
        raise ValidationError(
            f"{str(source)!r} is no file. Requests are read more than once: write them to one first.", field="input"
        )
    try:
        with source.open("rb") as file:
            beginning = file.read(2)
    except FileNotFoundError:
        raise ValidationError(f"There is no file {str(source)!r}.", field="input") from None
    if beginning in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        raise ValidationError(
            f"{str(source)!r} is in UTF-16, as Windows PowerShell writes it with '>'. Save it as UTF-8.",
            field="input",
            allowed="UTF-8",
        )


class _Run:
    """One run of the command, on one loop. Files are read and written in one worker thread, one thing after the other."""

    def __init__(self, arguments: Namespace, lines: RequestLines, results: ResultFile, gates: Gates, screen: Screen) -> None:
        self._arguments = arguments
        self._lines = lines
        self._results = results
        self._gates = gates
        self._screen = screen
        self._state = BatchProgress()
        self._total = self._skipped = self._changed = self._moved = 0
        #: The lines that are on their way.
        self._asked: dict[int, Line] = {}
        self._unreachable = self._without_cost = 0
        #: How many failed in this run, by the kind of their error.
        self._failures: Counter[str] = Counter()
        self._stopped = ""
        self._synced = 0.0

    async def main(self) -> None:
        """Do the whole run."""
        with ThreadPoolExecutor(1, "nuke-ai-panel-batch") as files, _ended_by_signals(self._stop):
            self._files = files
            self._working: asyncio.Future[None] = asyncio.ensure_future(self._work())
            try:
                await self._working
            except asyncio.CancelledError:
                if not self._stopped:
                    raise
            if not self._stopped and len(self._results) == self._total:
                await self._in_file_thread(self._results.put_in_order)
            elif self._stopped:
                await self._in_file_thread(self._results.sync)
        self._tell_the_end()

    def _stop(self) -> None:
        self._stopped = "interrupted"
        self._working.cancel()

    async def _work(self) -> None:
        await self._in_file_thread(self._survey)
        self._tell_the_start()
        self._progress = ProgressLine(before=self._skipped)
        self._state = BatchProgress(total=self._total - self._skipped)
        self._start = self._synced = asyncio.get_running_loop().time()
        try:
            await work_through(
                self._items(),
                self._deliver,
                concurrency=self._arguments.concurrency,
                gates=self._gates,
                max_wait=self._arguments.max_wait,
            )
        finally:
            self._progress.end(self._state)

    def _in_file_thread(self, work: Callable[[], T]) -> asyncio.Future[T]:
        return asyncio.get_running_loop().run_in_executor(self._files, work)

    def _survey(self) -> None:
        """Count the requests, and compare those that have a record already with what the file holds now."""
        results = self._results
        if not len(results):
            self._total = self._lines.count()
            return
        for line in self._lines:
            self._total += 1
            if results.holds(line.item.index, line.digest, line.item.id) == "changed":
                self._changed += 1
                results.forget(line.item.index)
        for index in list(results.indexes(self._total)):
            self._changed += 1
            results.forget(index)
        # A request that was added or taken out in the middle moves all that follow.
        self._moved = results.reuse((line.item.index, line.digest, line.item.id, line.number) for line in self._lines)
        self._changed = max(0, self._changed - self._moved)
        self._skipped = len(results) if self._arguments.keep_failures else results.finished

    async def _items(self) -> AsyncGenerator[BatchItem, None]:
        lines = iter(self._lines)
        while (line := await self._in_file_thread(lambda: self._next(lines))) is not None:
            limit = self._arguments.max_cost
            if limit is not None and (self._state.cost or 0.0) >= limit:
                self._stopped = "max_cost"
                return
            self._asked[line.item.index] = line
            yield line.item

    def _next(self, lines: Iterator[Line]) -> Line | None:
        """Return the next line that is to be asked."""
        for line in lines:
            held = self._results.holds(line.item.index, line.digest)
            if held == "ok" or (held == "failed" and self._arguments.keep_failures):
                continue
            return line
        return None

    async def _deliver(self, record: BatchRecord) -> None:
        line = self._asked.pop(record.index)
        told = {"line": line.number, **record.to_dict(), "seconds": round(record.seconds, 3)}
        now = asyncio.get_running_loop().time()
        is_due = now - self._synced >= _SYNC_EVERY
        if is_due:
            self._synced = now
        writing = self._in_file_thread(lambda: self._write(told, line.digest, is_due))
        try:
            await asyncio.shield(writing)
        finally:
            # A run that is being stopped waits for the answers it has in hand.
            if not writing.done():
                await asyncio.wait({writing})
            if not writing.cancelled() and writing.exception() is None:
                self._count(record)

    def _write(self, told: dict[str, object], digest: int, is_due: bool) -> None:
        self._results.append(told, digest)
        if is_due:
            self._results.sync()

    def _count(self, record: BatchRecord) -> None:
        self._state = self._state.after(record, asyncio.get_running_loop().time() - self._start)
        self._unreachable += isinstance(record.error, ConnectionFailedError)
        if record.error is not None:
            self._failures[str(error_to_dict(record.error)["kind"])] += 1
        self._without_cost += record.is_ok and getattr(getattr(record.response, "usage", None), "cost", None) is None
        self._progress.show(self._state)

    def _tell_the_start(self) -> None:
        note = self._screen.note
        if self._results.is_unlocked:
            note("This file system has no locks: make sure that no other run writes the same results.")
        if self._results.torn:
            note("The results end in the middle of a line; that request is asked again.")
        if self._moved:
            note(f"Requests that have moved, or have another id: {self._moved}. Their answers go with them.")
        if self._changed:
            kept = ""
            if self._results.set_aside:
                kept = (
                    f" At the end, their former answers ({self._results.set_aside}) go into {self._arguments.out}.superseded."
                )
            note(
                f"Requests that have changed or gone since their results were written: {self._changed}."
                f" Those that are still there are asked again.{kept}"
            )
        if self._skipped:
            note(f"{self._skipped} of {self._total} requests are finished already.")

    def _tell_the_end(self) -> None:
        note, out = self._screen.note, self._arguments.out
        if self._stopped == "interrupted":
            note(f"Stopped. {len(self._results)} of {self._total} results are kept in {out}.")
        elif self._stopped == "max_cost":
            note(
                f"The limit of ${self._arguments.max_cost:g} is reached."
                f" {len(self._results)} of {self._total} results are kept in {out}."
            )
        else:
            self._screen.write(f"{out}: {in_words(self._state, before=self._skipped)}\n")
        if self._arguments.max_cost is not None and self._without_cost:
            note(f"{self._without_cost} answers came without a price, so the limit of costs does not know them.")
        if self._failures:
            # Not their words: a server's may repeat the prompt, and what is printed here ends in a farm's logs.
            kinds = ", ".join(f"{kind} ({count})" for kind, count in self._failures.most_common())
            note(f"Why they failed: {kinds}. Their records in {out} tell more.")
        if self._stopped or self._state.failed:
            note(f"{'Go on' if self._stopped else 'Ask again for what failed'} with: {self.command()}")

    def command(self) -> str:
        """Return the command line that goes on where this one stopped, under the same limits."""
        given = self._arguments
        words = ["python", "-m", "nuke_ai_panel", "batch", given.input, "--out", given.out, "--resume"]
        words += ["--model", given.model] if given.model else []
        words += ["--provider", given.provider] if given.provider else []
        for folder in given.files or ():
            words += ["--files", folder]
        words += ["--concurrency", str(given.concurrency)]
        for rate in given.rate or ():
            words += ["--rate", rate]
        words += ["--max-wait", f"{given.max_wait:g}"] if given.max_wait != MAX_WAIT else []
        words += ["--max-cost", f"{given.max_cost:g}"] if given.max_cost is not None else []
        # A run that was not stopped has nothing left but what failed.
        words += ["--keep-failures"] if given.keep_failures and self._stopped else []
        return " ".join(shlex.quote(word) for word in words)

    def summary(self) -> dict[str, object]:
        """Return what happened, as JSON values; counts of answers, tokens and cost are those of this run."""
        state = self._state
        return {
            "out": str(self._results.path),
            "total": self._total,
            "finished_before": self._skipped,
            "done": state.done,
            "ok": state.ok,
            "failed": state.failed,
            "failures": dict(self._failures),
            "changed": self._changed,
            "moved": self._moved,
            "torn_line": self._results.torn,
            "seconds": round(state.seconds, 3),
            "requests_per_second": round(state.rate, 3),
            "prompt_tokens": state.prompt_tokens,
            "completion_tokens": state.completion_tokens,
            "cost": state.cost,
            "stopped": self._stopped or None,
            "go_on_with": self.command() if self._stopped or state.failed else None,
        }

    def exit_code(self) -> int:
        """Return how the run ended."""
        if self._stopped == "interrupted":
            return ExitCode.INTERRUPTED
        if self._stopped == "max_cost":
            return ExitCode.COST_LIMIT
        if not self._state.failed:
            return ExitCode.OK
        is_nobody_there = self._unreachable == self._state.done
        return ExitCode.NO_MODEL if is_nobody_there else ExitCode.SOME_FAILED


@contextlib.contextmanager
def _ended_by_signals(stop: Callable[[], None]) -> Iterator[None]:
    """Call `stop` on the loop at the first Ctrl+C or SIGTERM; a second one ends the process as usual."""
    loop = asyncio.get_running_loop()
    former: dict[signal.Signals, object] = {}

    def stopping(*_: object) -> None:
        restore()
        loop.call_soon_threadsafe(stop)

    def restore() -> None:
        while former:
            number, handler = former.popitem()
            if handler is not None:
                signal.signal(number, handler)  # type: ignore[arg-type]

    # Only the main thread may set handlers.
    with contextlib.suppress(ValueError):
        for number in (signal.SIGINT, signal.SIGTERM):
            former[number] = signal.signal(number, stopping)
    try:
        yield
    finally:
        restore()


def _rates(given: list[str] | None) -> Rates:
    """Return ``--rate 60`` as a number for all, ``--rate openrouter=20`` as one for a provider.

    Raises:
        ValidationError: it is neither.
    """
    named: dict[str, float] = {}
    for each in given or ():
        name, _, number = each.rpartition("=")
        try:
            named[name] = float(number)
        except ValueError:
            raise ValidationError(
                f"--rate {each!r} is no number of requests per minute.", field="rate", allowed="60, or openrouter=20"
            ) from None
    everywhere = named.pop("", None)
    if everywhere is not None and named:
        raise ValidationError("--rate is either one number for all servers or one for each provider.", field="rate")
    return named or everywhere
