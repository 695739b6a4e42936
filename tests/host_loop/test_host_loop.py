"""The loop in an application that was running before it and goes on running after it."""

from __future__ import annotations

import ast
import pathlib

import pytest

HERE = pathlib.Path(__file__).parent


def check_names(file: str) -> list[str]:
    return [
        node.name
        for node in ast.parse((HERE / file).read_text()).body
        if isinstance(node, (ast.AsyncFunctionDef, ast.FunctionDef))
        and [argument.arg for argument in node.args.args] == ["host"]
        and node.name != "quit_host"
        and not node.name.startswith("stock_loop")
    ]


FILES = ("checks_tasks.py", "checks_network.py", "checks_nesting.py")


@pytest.mark.parametrize(("file", "name"), [(file, name) for file in FILES for name in check_names(file)])
def test_host_loop(file, name, shared_host):
    shared_host(file).check(name)


@pytest.mark.parametrize("file", FILES)
def test_host_quits_after_attaching_many_times(file, shared_host):
    shared_host(file).quit("quit_host")


@pytest.mark.parametrize("name", check_names("checks_neighbours.py"))
def test_host_loop_beside_others(name, start_host):
    host = start_host("checks_neighbours.py")
    host.check(name)
    host.quit("quit_host")


@pytest.mark.parametrize("name", [name for name in check_names("checks_quitting.py") if name != "at_work"])
def test_host_quits_cleanly(name, start_host):
    start_host("checks_quitting.py").quit(name)
