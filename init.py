"""Paths for Nuke AI Panel. Nuke runs this file in every session: with a window, in a terminal, on render nodes.

So it only adds a folder: it imports nothing of the panel's, and whatever goes wrong in it is printed and never raised, because
an exception here would stop the start-up scripts that come after it, on a whole farm.
"""

try:
    import nuke

    # Relative to this file; Nuke also puts the folder on sys.path.
    nuke.pluginAddPath("./src/ui")
except Exception:  # noqa: BLE001 - a render node must start whatever is wrong here
    import traceback

    print("Nuke AI Panel is not available in this session:")  # noqa: T201 - where Nuke's own start-up messages go
    traceback.print_exc()
