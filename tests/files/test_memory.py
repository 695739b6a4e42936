"""Memory of a process of its own while a large file is checked and read, so that other tests do not count."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

_PROGRAM = """
import asyncio, json, resource, sys, tracemalloc
sys.path.insert(0, sys.argv[2])
from nuke_ai_panel.files import FileValidator

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)

async def main():
    before = peak()
    tracemalloc.start()
    total = 0
    with await FileValidator(max_bytes=10**9).aopen_chosen(sys.argv[1]) as file:
        async for piece in file.achunks():
            total += len(piece)
    print(json.dumps({"total": total, "traced": tracemalloc.get_traced_memory()[1], "resident": peak() - before}))

asyncio.run(main())
"""


@pytest.mark.skipif(sys.platform == "win32", reason="the peak of memory is read by a module of POSIX")
def test_memory_stays_flat_at_150_mb(tmp_path, root):
    path = tmp_path / "long.wav"
    with open(path, "wb") as file:
        file.write(b"RIFF\0\0\0\0WAVEfmt ")
        file.truncate(150 * 1024 * 1024)
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, str(path), str(root)], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["total"] == 150 * 1024 * 1024
    assert found["traced"] < 4_000_000, found
    assert found["resident"] < 16_000_000, found
