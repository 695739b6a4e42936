from __future__ import annotations

from typing import Any

import pytest

from nuke_ai_panel import nk
from tests.host_contract.host_contract import SCRIPT


@pytest.fixture
def document() -> nk.Document:
    return nk.loads(SCRIPT)


@pytest.fixture
def nuke(document: nk.Document) -> Any:
    return nk.emulate(document)
