"""``python -m nuke_ai_panel``: reads the arguments, runs one command, returns its exit code."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from nuke_ai_panel import __version__
from nuke_ai_panel.cli.exit_codes import ExitCode
from nuke_ai_panel.cli.nk_arguments import add_nk_arguments
from nuke_ai_panel.errors import NukeAIPanelError

if TYPE_CHECKING:
    from types import ModuleType

__all__ = ["main", "run"]

#: What has to be installed; ``nk`` needs none of it.
_LIBRARIES = frozenset({"aiohttp", "keyring", "markdown_it", "qasync"})

_EPILOG = """\
exit codes:
    0  done
    1  the model server, the script or the file system failed
    2  wrong arguments
    3  no model can be reached
    4  nothing applied, because nobody agreed to it (no terminal and no --yes, or the answer was no)
    5  the answer held no script to apply
    6  a batch is done, and some of its requests failed
    7  a batch stopped at its limit of costs
    8  the studio's rules (policy_file in the settings) forbid what was proposed
  130  stopped with Ctrl+C

nk and its commands tell 1 and 2 apart as diff and grep do; see nk --help.

settings come from the same file as the panel's; API keys from the keyring, or from OPENROUTER_API_KEY and OLLAMA_API_KEY.
"""


def run() -> None:
    """Run the command line and leave the process; the console script."""
    sys.exit(main())


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; `arguments` default to the process's own."""
    parsed = _parser().parse_args(arguments)
    # Imported here: --help and a typing mistake need none of it.
    from nuke_ai_panel.cli import commands

    command: Callable[[argparse.Namespace], int] = _command(commands, parsed.command)
    try:
        with commands.installation_known():
            return int(command(parsed))
    except KeyboardInterrupt:
        print("\nStopped. Nothing was written.", file=sys.stderr)
        return int(ExitCode.INTERRUPTED)
    except BrokenPipeError:
        # The reader of a pipe has gone; Python would complain once more when it flushes at exit.
        sys.stdout = None
        return int(ExitCode.FAILED)
    except NukeAIPanelError as error:
        return int(commands.failed(error, as_json=getattr(parsed, "json", False)))
    except OSError as error:
        print(f"Error: {error}", file=sys.stderr)
        return int(ExitCode.FAILED)
    except ModuleNotFoundError as error:
        if error.name not in _LIBRARIES:
            raise
        print(
            f"Error: The library {error.name} is not installed for this Python. In the folder of the panel, run: "
            "python -m pip install -e .",
            file=sys.stderr,
        )
        return int(ExitCode.FAILED)


def _command(commands: ModuleType, name: str) -> Callable[[argparse.Namespace], int]:
    by_name: dict[str, Callable[[argparse.Namespace], int]] = {
        "panel": commands.open_panel,
        "chat": commands.chat,
        "generate": commands.generate,
        "models": commands.models,
        "nk": commands.nk,
        "pull": commands.pull,
        "test-connection": commands.test_connection,
        "batch": commands.batch,
        "demo": commands.demo,
        "demo-server": commands.demo_server,
        "serve": commands.serve,
        "tasks": commands.tasks,
    }
    return by_name[name]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="nuke_ai_panel",
        description="An assistant for Foundry Nuke scripts, with and without Nuke.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"nuke-ai-panel {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    json_option = argparse.ArgumentParser(add_help=False)
    json_option.add_argument("--json", action="store_true", help="print one JSON value at the end instead of text")
    server = argparse.ArgumentParser(add_help=False, parents=[json_option])
    server.add_argument(
        "--provider",
        default="",
        metavar="NAME",
        help="ollama, openrouter or openai; default: as set, or the first that answers",
    )
    server.add_argument(
        "--model", default="", metavar="NAME", help="also as PROVIDER/NAME; default: as set, or the provider's first"
    )
    server.add_argument("--base-url", default="", metavar="URL", help="the provider's address for this run; needs --provider")
    server.add_argument(
        "--set",
        action="append",
        metavar="KEY=VALUE",
        help="a setting for this run, e.g. limit_cost=0.5 or limit_tokens=none; may be repeated",
    )

    panel = commands.add_parser("panel", help="open the panel in a window of its own")
    panel.add_argument("script", nargs="?", metavar="SCRIPT.nk", help="the script to work on; default: a new one")

    chat = commands.add_parser("chat", parents=[server], help="ask, and print the answer as it comes; changes nothing")
    chat.add_argument("prompt", metavar="PROMPT")
    chat.add_argument("--script", metavar="IN.nk", help="a script that the model is told about")

    generate = commands.add_parser(
        "generate", parents=[server], help="have a script changed: shows the difference, asks, saves a copy"
    )
    generate.add_argument("prompt", metavar="PROMPT")
    generate.add_argument("--script", required=True, metavar="IN.nk", help="the script to start from; it is not touched")
    generate.add_argument("--out", required=True, metavar="OUT.nk", help="where the changed script is saved")
    generate.add_argument(
        "--yes", action="store_true", help="apply without asking: what passed its check, and of alternatives the first"
    )
    generate.add_argument(
        "--records", default="", metavar="FOLDER", help="keep the script before the change there, and a log of what ran"
    )

    commands.add_parser("models", parents=[server], help="list the models that can be reached")

    pulling = commands.add_parser("pull", parents=[json_option], help="have the Ollama server download a model")
    pulling.add_argument("name", metavar="NAME", help="the model, e.g. qwen3:8b")
    pulling.add_argument("--base-url", default="", metavar="URL", help="the server's address for this run; default: as set")

    connection = commands.add_parser(
        "test-connection", parents=[server], help="test a server from its address to the first token"
    )
    connection.add_argument("name", nargs="?", default="", metavar="PROVIDER", help="default: as set, or ollama")

    batch = commands.add_parser(
        "batch", parents=[json_option], help="send every request of a file, and keep each answer at once"
    )
    batch.add_argument(
        "input", metavar="IN.jsonl", help="a JSON object a line: the arguments of ChatCompletion.create, and an id"
    )
    batch.add_argument("--out", required=True, metavar="OUT.jsonl", help="where the answers go, in the order of the requests")
    batch.add_argument("--resume", action="store_true", help="go on with OUT: what was answered is not asked again")
    batch.add_argument("--keep-failures", action="store_true", help="with --resume, do not ask again for what failed")
    batch.add_argument("--model", default="", metavar="PROVIDER/MODEL", help="for the requests that name none")
    batch.add_argument("--provider", default="", metavar="NAME", help="for the models whose name begins with none")
    batch.add_argument(
        "--files", action="append", metavar="FOLDER", help="let requests attach files from here too, not only from IN's folder"
    )
    batch.add_argument(
        "--concurrency", type=int, default=8, metavar="N", help="requests at the same time; default: %(default)s"
    )
    batch.add_argument(
        "--rate",
        action="append",
        metavar="RPM",
        help="requests per minute, for every server or as PROVIDER=RPM; may be repeated",
    )
    batch.add_argument(
        "--max-wait",
        type=float,
        default=600.0,
        metavar="SECONDS",
        help="how long one request waits for a busy server; default: 600",
    )
    batch.add_argument(
        "--max-cost", type=float, metavar="USD", help="ask no more once the answers of this run have cost so much"
    )

    demo = commands.add_parser(
        "demo", parents=[json_option], help="do one whole job with the demo model (no AI) on a small script"
    )
    demo.add_argument("prompt", nargs="?", default="", metavar="PROMPT")
    demo.add_argument(
        "--out", default="demo.nk", metavar="OUT.nk", help="where the changed script is saved; default: %(default)s"
    )

    serving = commands.add_parser("demo-server", help="serve the demo model (no AI) as an Ollama server, to try the panel with")
    serving.add_argument("--port", type=int, default=11434, help="default: %(default)s, Ollama's own")

    add_nk_arguments(commands, json_option)

    trying = commands.add_parser(
        "tasks", parents=[json_option], help="run requests with recorded answers end to end, and report every stage"
    )
    trying.add_argument(
        "tasks", nargs="?", default=".", metavar="FOLDER|FILE.jsonl", help="the tasks, by default those in this folder"
    )
    trying.add_argument(
        "--answers", default="", metavar="FOLDER", help="the recorded answers; default: answers beside the tasks"
    )
    trying.add_argument("--only", default="", metavar="IDS", help="these tasks only, parted by commas")
    trying.add_argument("--kind", default="", metavar="KINDS", help="these answers only: right, nearly, wrong")
    trying.add_argument("--out", default="", metavar="FOLDER", help="keep the scripts and the report (tasks.md) there")

    tasks = commands.add_parser("serve", help="serve a queue of questions over HTTP, for front ends on this machine")
    tasks.add_argument("--host", default="127.0.0.1", metavar="ADDRESS", help="a loopback address; default: %(default)s")
    tasks.add_argument("--port", type=int, default=0, metavar="N", help="default: a free one, which is printed")
    tasks.add_argument(
        "--token-file", default="", metavar="FILE", help="holds the token, and is made where absent; default: print a new one"
    )
    tasks.add_argument(
        "--concurrency", type=int, default=4, metavar="N", help="tasks that run at the same time; default: %(default)s"
    )
    return parser
