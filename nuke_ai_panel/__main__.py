"""``python -m nuke_ai_panel``."""

from __future__ import annotations

from nuke_ai_panel.cli.main import run

if __name__ == "__main__":
    run()
