"""`async def` tests on a loop of their own, which must be left clean."""

from __future__ import annotations

import asyncio
import inspect

import pytest

LIMIT = 60.0
"""Seconds for one test; reaching it is a failure, so it is generous."""


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem):
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    arguments = {name: pyfuncitem.funcargs[name] for name in pyfuncitem._fixtureinfo.argnames}
    complaints = []

    async def main():
        asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context["message"]))
        await asyncio.wait_for(pyfuncitem.obj(**arguments), LIMIT)
        left = asyncio.all_tasks() - {asyncio.current_task()}
        assert not left, f"tasks left running: {left}"

    asyncio.run(main())
    assert not complaints, complaints
    return True
