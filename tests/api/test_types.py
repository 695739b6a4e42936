"""What a type checker is told of the public names."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import nuke_ai_panel

SOURCE = Path(nuke_ai_panel.__file__)
ROOT = SOURCE.parent.parent

PROGRAM = """
from nuke_ai_panel import APIError, ChatCompletion, CheckpointError, Embedding, acompletions_as_finished, run_async, run_batch

messages = [{"role": "user", "content": "x"}]
answer = ChatCompletion.create(model="ollama/m", messages=messages, temperature=1)
reveal_type(answer.choices[0].message.content)
for piece in ChatCompletion.create(model="ollama/m", messages=[*messages, answer.choices[0].message], stream=True):
    reveal_type(piece.choices[0].delta.content)
reveal_type(ChatCompletion.create(model="ollama/m", messages=messages, stream=bool(messages)))
reveal_type(Embedding.create(model="ollama/m", input=["x"]).data[0].embedding)
reveal_type(run_batch([{"model": "ollama/m", "messages": messages}])[0].response)


async def ask() -> int:
    async for one in await ChatCompletion.acreate(model="ollama/m", messages=messages, stream=True):
        reveal_type(one)
    async for record in acompletions_as_finished([{"model": "ollama/m", "messages": messages}]):
        reveal_type(record)
    return len((await ChatCompletion.acreate(model="ollama/m", messages=messages)).choices)


reveal_type(run_async(ask))
reveal_type(run_async(ask()))
try:
    print(answer)
except (CheckpointError, APIError) as error:
    reveal_type(error)
"""

REVEALED = [
    "str | None",
    "str | None",
    "ChatResponse | Stream[ChatChunk]",
    "tuple[float, ...]",
    "ChatResponse | None",
    "ChatChunk",
    "BatchRecord",
    "int",
    "int",
    "CheckpointError | APIError",
]

WRONG = """
from nuke_ai_panel import ChatCompletion, Nonsense
ChatCompletion.create(model="ollama/m", messages=[], temprature=1)
"""


def test_a_type_checker_sees_just_the_public_names():
    block = next(node for node in ast.parse(SOURCE.read_text()).body if isinstance(node, ast.If))
    seen = {alias.name for node in block.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert seen == set(nuke_ai_panel.__all__) - {"__version__"}


@pytest.fixture
def checked(tmp_path):
    pytest.importorskip("mypy", reason="needs mypy")

    def run(program):
        path = tmp_path / "program.py"
        path.write_text(program)
        options = ["--strict", "--no-error-summary", "--follow-imports=silent", f"--cache-dir={tmp_path / 'cache'}"]
        done = subprocess.run(
            [sys.executable, "-m", "mypy", "--config-file=", *options, str(path)],
            env={**os.environ, "MYPYPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.stderr == ""
        return done.stdout, done.returncode

    return run


@pytest.mark.skipif(sys.version_info < (3, 11), reason="one Python is enough to ask for it")
def test_a_script_is_told_the_types_of_what_it_gets(checked):
    out, code = checked(PROGRAM)
    assert code == 0, out
    revealed = [line.partition('type is "')[2].rstrip('"') for line in out.splitlines()]
    # Without the modules they lie in.
    assert [re.sub(r"[\w.]*\.(\w+)", r"\1", each) for each in revealed] == REVEALED
    out, code = checked(WRONG)
    assert code == 1
    assert "Nonsense" in out
    assert "temprature" in out
