"""The command line: ``python -m nuke_ai_panel`` and the demo model."""
