"""The conversation as one virtualised, selectable view; start at :mod:`nuke_ai_panel_ui.transcript.view`."""
