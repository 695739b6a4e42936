"""What the client core costs, side by side with raw aiohttp and other clients against one server, in one run.

    python -m benchmarks.client_core [--rounds 3] [--rows stream,first,network,together,batch,calls,import]

Every client runs in a process of its own, in turn with the others; each figure is the median of the rounds. A client that is
not installed is left out and named.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

#: Distribution that a client needs, by the first word of its name.
NEEDS = {"ollama": "ollama", "openai": "openai", "litellm": "litellm", "onellm": "onellm", "symbolicai": "symbolicai"}

OLLAMA_WIRE = ["aiohttp ollama", "ours events ollama", "ours ollama", "ours ollama sync", "ollama", "ollama sync"]
OPENAI_WIRE = ["aiohttp", "ours events", "ours", "ours sync", "openai", "litellm", "onellm", "symbolicai sync"]


def is_installed(distribution: str) -> bool:
    try:
        importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def usable(names: list[str]) -> list[str]:
    return [name for name in names if is_installed(NEEDS.get(name.split()[0], "aiohttp"))]


@contextmanager
def running_server(folder: Path) -> Iterator[dict[str, str]]:
    """Start the server; yield its addresses by kind, and the environment for clients under "environment"."""
    authority = folder / "ca.pem"
    command = [sys.executable, "-m", "benchmarks.wire_server", "--ca-out", str(authority)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        ports = json.loads(process.stdout.readline())
        try:
            yield {
                "plain": f"http://127.0.0.1:{ports['plain']}",
                "tls": f"https://127.0.0.1:{ports['tls']}",
                "slow": f"https://127.0.0.1:{ports['slow']}",
                "ca": str(authority),
            }
        finally:
            process.kill()


class Bench:
    def __init__(self, servers: dict[str, str], folder: Path, rounds: int) -> None:
        self.servers = servers
        self.rounds = rounds
        # A home of its own: some clients write settings at import, and ours must not read the user's.
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.upper().endswith("_PROXY")},
            "HOME": str(folder),
            "SSL_CERT_FILE": servers["ca"],
            "NUKE_AI_PANEL_CONFIG_DIR": str(folder / "settings"),
            "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
            "LITELLM_LOCAL_MODEL_COST_MAP": "True",
            "LITELLM_LOG": "ERROR",
        }
        # Installed packages have their bytecode; so does ours, from its first run on.
        self.environment.pop("PYTHONDONTWRITEBYTECODE", None)

    def once(self, client: str, load: str, where: str, model: str, **more: int) -> dict[str, float] | str:
        """Return what one client measured, or why it could not."""
        source = json.dumps({"url": self.servers[where], "model": model, **more})
        command = [sys.executable, "-m", "benchmarks.clients", client, load, source]
        try:
            done = subprocess.run(
                command, cwd=ROOT, env=self.environment, capture_output=True, text=True, check=False, timeout=300
            )
        except subprocess.TimeoutExpired:
            return "no end in 300 s"
        lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
        if done.returncode or not lines:
            said = done.stderr.strip().splitlines() or ["no result"]
            return said[-1][:90]
        found: dict[str, float] = json.loads(lines[-1])
        return found

    def medians(self, clients: list[str], load: str, where: str, model: str, **more: int) -> dict[str, dict[str, float] | str]:
        """Let all `clients` run in turn, `rounds` times; return the median of each figure by client."""
        taken: dict[str, list[dict[str, float]]] = {name: [] for name in clients}
        failed: dict[str, str] = {}
        for _ in range(self.rounds):
            for name in clients:
                if name in failed:
                    continue
                found = self.once(name, load, where, model, **more)
                if isinstance(found, str):
                    failed[name] = found
                else:
                    taken[name].append(found)
        return {
            name: failed.get(name) or {key: statistics.median(each[key] for each in taken[name]) for key in taken[name][0]}
            for name in clients
        }


def table(title: str, rows: dict[str, dict[str, float] | str], columns: dict[str, str], *, against: str = "") -> None:
    """Print `rows`; `columns` maps a figure to its head and format, `against` is the client that ratios of the first are to."""
    print(title)
    heads = [head.partition("|")[0] for head in columns.values()]
    print(f"  {'':<20}" + "".join(f"{head:>16}" for head in heads) + (f"{'x ' + against:>16}" if against else ""))
    base = rows.get(against)
    first = next(iter(columns))
    for name, found in rows.items():
        if isinstance(found, str):
            print(f"  {name:<20}  could not: {found}")
            continue
        cells = "".join(f"{found[key]:>16{head.partition('|')[2] or '.2f'}}" for key, head in columns.items())
        ratio = f"{found[first] / base[first]:>16.2f}" if against and isinstance(base, dict) else ""
        print(f"  {name:<20}{cells}{ratio}")
    print(flush=True)


def stream(bench: Bench) -> None:
    for wire, names, against in (("Ollama", OLLAMA_WIRE, "aiohttp ollama"), ("OpenAI", OPENAI_WIRE, "aiohttp")):
        for model, how in (
            ("c2000-w1-d0", "1 in one write"),
            ("c2000-w64-d0", "64 in one write"),
            ("c600-w1-d0p", "one about every millisecond, so with a wake-up each"),
        ):
            rows = bench.medians(usable(names), "stream", "plain", model, count=3)
            title = f"Streamed chunks, {wire} wire, {how}: CPU of the client's process"
            table(title, rows, {"cpu_us": "us a chunk", "per_second": "chunks/s|.0f"}, against=against)


def first(bench: Bench) -> None:
    for wire, names, against in (("Ollama", OLLAMA_WIRE, "aiohttp ollama"), ("OpenAI", OPENAI_WIRE, "aiohttp")):
        rows = bench.medians(usable(names), "first_token", "plain", "c4-w1-d0p", count=100)
        table(f"Call to first token, {wire} wire, warm connection", rows, {"ms": "ms"}, against=against)


def network(bench: Bench) -> None:
    names = ["aiohttp", "aiohttp fresh", "ours", "ours fresh", "ours sync", "openai", "openai sync", "litellm", "litellm sync"]
    names += ["onellm", "onellm sync", "symbolicai sync"]
    rows = bench.medians(usable(names), "sequence", "slow", "c4-w4-d0", count=200 // max(1, bench.rounds - 1))
    for found in rows.values():
        if isinstance(found, dict):
            found["beyond"] = found["ms"] - 30
    columns = {"beyond": "ms beyond RTT", "ms": "ms a request", "cpu_ms": "CPU ms"}
    table("Short requests one after another, TLS, 30 ms round trip", rows, columns, against="aiohttp fresh")
    shares = []
    for name in ("aiohttp", "ours"):
        pooled, fresh = rows.get(name), rows.get(f"{name} fresh")
        if isinstance(pooled, dict) and isinstance(fresh, dict):
            shares.append(f"{name} {pooled['cpu_ms'] / fresh['cpu_ms']:.2f}")
    print(
        f"  CPU of a request on a pooled connection, as a part of one on a fresh connection: {', '.join(shares)}\n", flush=True
    )


def together(bench: Bench) -> None:
    names = ["aiohttp", "ours", "openai", "litellm", "onellm"]
    rows = bench.medians(usable(names), "at_once", "plain", "c4-w4-d200", count=200)
    table("200 short requests at once, the server takes 200 ms", rows, {"s": "s", "cpu_ms": "CPU ms each"}, against="aiohttp")


def batch(bench: Bench) -> None:
    names = ["aiohttp", "ours", "openai", "litellm", "onellm"]
    rows = bench.medians(usable(names), "at_once", "plain", "c4-w4-d80r", count=64, together=8)
    table("64 requests, 8 at a time, 40 to 160 ms each", rows, {"cpu_ms": "CPU ms each", "s": "s"}, against="aiohttp")


def calls(bench: Bench) -> None:
    names = ["aiohttp", "ours", "ours sync", "openai", "openai sync", "litellm", "litellm sync", "onellm", "onellm sync"]
    names += ["symbolicai sync"]
    rows = bench.medians(usable(names), "sequence", "tls", "c4-w4-d0", count=50)
    table(
        "Short requests one after another, TLS on this machine",
        rows,
        {"ms": "ms a request", "cpu_ms": "CPU ms"},
        against="aiohttp",
    )


_IMPORT = """
import json, os, sys, time
began = time.perf_counter()
exec(sys.argv[1])
took = (time.perf_counter() - began) * 1000
peak = next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(json.dumps({"ms": took, "mb": peak / 1024, "modules": len(sys.modules)}), flush=True)
os._exit(0)
"""


def imports(bench: Bench) -> None:
    """Time and memory of an import alone, and of an import with one request, because some load the rest only then."""
    named = {
        "python alone": "pass",
        "ours": "from nuke_ai_panel import ChatCompletion",
        "aiohttp": "import aiohttp",
        "ollama": "import ollama",
        "openai": "from openai import AsyncOpenAI",
        "litellm": "import litellm",
        "onellm": "from onellm import ChatCompletion",
        "symbolicai": "from symai.backend import transport",
    }
    peers = usable(["aiohttp", "ours", "ours sync", "ollama", "openai", "litellm", "onellm", "symbolicai sync"])
    _imported(bench, "Import in a fresh interpreter", {name: named[name] for name in usable(list(named))})
    asked = {name: f"from benchmarks.clients import ask_once; ask_once({name!r}, {bench.servers['plain']!r})" for name in peers}
    _imported(bench, "Import and one short request in a fresh interpreter", asked)


def _imported(bench: Bench, title: str, cases: dict[str, str]) -> None:
    taken: dict[str, list[dict[str, float]]] = {}
    for number in range(max(5, bench.rounds) + 1):
        for name, code in cases.items():
            command = [sys.executable, "-c", _IMPORT, code]
            done = subprocess.run(command, cwd=ROOT, env=bench.environment, capture_output=True, text=True, check=True)
            if number:
                taken.setdefault(name, []).append(json.loads(done.stdout.splitlines()[-1]))
    rows: dict[str, dict[str, float] | str] = {
        name: {key: statistics.median(each[key] for each in runs) for key in runs[0]} for name, runs in taken.items()
    }
    columns = {"ms": "ms|.1f", "mb": "peak MB|.1f", "modules": "modules|.0f"}
    table(title, rows, columns, against="ollama" if "ollama" in rows else "")


ROWS = {
    "stream": stream,
    "first": first,
    "network": network,
    "together": together,
    "batch": batch,
    "calls": calls,
    "import": imports,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rows", default=",".join(ROWS), help="which of them, separated by commas")
    arguments = parser.parse_args()
    versions = [f"Python {sys.version.split()[0]}"]
    missing = []
    for distribution in ("aiohttp", *NEEDS.values()):
        if is_installed(distribution):
            versions.append(f"{distribution} {importlib.metadata.version(distribution)}")
        else:
            missing.append(distribution)
    print(", ".join(versions) + (f"; not installed: {', '.join(missing)}" if missing else ""))
    print(f"Medians of {arguments.rounds} rounds in turn, each client in a process of its own\n", flush=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with running_server(folder) as servers:
            bench = Bench(servers, folder, arguments.rounds)
            for row in arguments.rows.split(","):
                ROWS[row](bench)


if __name__ == "__main__":
    main()
