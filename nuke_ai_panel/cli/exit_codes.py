"""The exit codes of the command line. Scripts rely on them; a number is never given a new meaning."""

from __future__ import annotations

from enum import IntEnum

__all__ = ["ExitCode"]


class ExitCode(IntEnum):
    """How a command ended."""

    OK = 0
    #: The model server, the script or the file system failed.
    FAILED = 1
    #: Wrong arguments; argparse uses the same number.
    USAGE = 2
    #: No model can be reached.
    NO_MODEL = 3
    #: Nothing was applied, because nobody agreed to it.
    NOT_AGREED = 4
    #: The answer held no script to apply.
    NO_PROPOSAL = 5
    #: A batch is done, and some of its requests failed.
    SOME_FAILED = 6
    #: A batch stopped at its limit of costs.
    COST_LIMIT = 7
    #: The studio's rules forbid what was proposed.
    FORBIDDEN = 8
    #: Stopped with Ctrl+C (128 + SIGINT).
    INTERRUPTED = 130
