"""``python -m nuke_ai_panel serve``: the task server until Ctrl+C or SIGTERM."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path

from nuke_ai_panel.cli.exit_codes import ExitCode
from nuke_ai_panel.errors import ValidationError
from nuke_ai_panel.serve.guard import check_loopback, read_or_make_token
from nuke_ai_panel.serve.server import TaskServer
from nuke_ai_panel.serve.tasks import Limits

__all__ = ["serve"]


def serve(arguments: Namespace) -> int:
    """Serve tasks; print the address on standard output, everything else on standard error."""
    check_loopback(arguments.host)
    if not 0 <= arguments.port <= 65535:
        raise ValidationError(f"--port must be 0 to 65535, not {arguments.port}.", field="port", allowed="0 to 65535")
    if not 1 <= arguments.concurrency <= 256:
        raise ValidationError(
            f"--concurrency must be 1 to 256, not {arguments.concurrency}.", field="concurrency", allowed="1 to 256"
        )
    path = Path(arguments.token_file) if arguments.token_file else None
    token = "" if path is None else read_or_make_token(path)
    server = TaskServer(token, host=arguments.host, port=arguments.port, limits=Limits(concurrency=arguments.concurrency))
    where = f"Token: {server.token}" if path is None else f"The token is in {path}"
    return asyncio.run(_serve(server, where))


async def _serve(server: TaskServer, where: str) -> int:
    asked: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    with _signals(asked):
        async with server:
            print(server.url, flush=True)
            print(f"Serving tasks at {server.url}. {where}\nCtrl+C ends it.", file=sys.stderr, flush=True)
            code = await asked
            print("Ending: running tasks are cancelled.", file=sys.stderr, flush=True)
    return code


@contextlib.contextmanager
def _signals(asked: asyncio.Future[int]) -> Iterator[None]:
    """Give `asked` its result when the process is asked to end, for the length of the block."""
    loop = asyncio.get_running_loop()
    codes = {signal.SIGINT: ExitCode.INTERRUPTED, signal.SIGTERM: ExitCode.OK}
    before = {number: signal.getsignal(number) for number in codes}

    def note(code: int) -> None:
        if not asked.done():
            asked.set_result(int(code))

    for number, code in codes.items():
        # Not add_signal_handler, which loops on Windows do not have.
        signal.signal(number, lambda *_, code=code: loop.call_soon_threadsafe(note, code))
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
