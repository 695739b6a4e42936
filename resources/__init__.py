"""Data about Nuke: node classes, Python names, usual mistakes. Read as files by ``nuke_ai_panel.nk.catalogue_store``."""
