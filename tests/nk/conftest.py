"""The real scripts that the engine is measured on, where they are at hand."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

CORPUS = Path(__file__).resolve().parents[3] / "shared" / "corpus"


def corpus_files() -> Iterator[Path]:
    if CORPUS.is_dir():
        yield from sorted(path for path in CORPUS.rglob("*") if path.suffix in (".nk", ".gizmo", ".nknc"))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "corpus_file" in metafunc.fixturenames:
        files = list(corpus_files())
        skip = pytest.mark.skip(reason=f"the real scripts are not at hand in {CORPUS.parent.name}/{CORPUS.name}")
        found = [pytest.param(path, id=path.relative_to(CORPUS).as_posix()) for path in files]
        metafunc.parametrize("corpus_file", found or [pytest.param(None, marks=skip)])
