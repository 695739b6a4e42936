"""Steps that several checks take."""

from __future__ import annotations

import asyncio
import sys
import time

from nuke_ai_panel_ui.qt import QtCore, QtWidgets, exec_dialog


async def read_lines(host, url: str, got: list[bytes], **options) -> int:
    async with host.session() as session, session.get(url, **options) as response:
        async for line in response.content:
            got.append(line)
    return len(got)


async def until(condition, seconds: float = 15.0) -> None:
    """Wait for a condition that Qt or another task brings about."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "the condition never came true"
        await asyncio.sleep(0.01)


def open_dialog(seconds: float, kind=QtWidgets.QDialog) -> None:
    dialog = kind()
    QtCore.QTimer.singleShot(int(seconds * 1000), dialog.accept)
    exec_dialog(dialog)


def async_timeout(seconds: float):
    if sys.version_info >= (3, 11):
        return asyncio.timeout(seconds)
    import async_timeout as backport

    return backport.timeout(seconds)
