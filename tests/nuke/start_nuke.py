"""Start up as Nuke does: run ``init.py`` and ``menu.py`` of each plug-in folder in ``__main__``, then report as JSON.

Arguments: the folder of the stand-in modules ("" for none), a comma-separated list of file names to run, then plug-in folders.
"""

from __future__ import annotations

import json
import os
import sys

_stand_in, _files, *_folders = sys.argv[1:]
# The stand-in asks our engine for nodes; last on the list, so that it finds nothing for a start-up file that is not ours.
sys.path.append(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
if _stand_in:
    sys.path.insert(0, _stand_in)
_before = set(sys.modules)
for _name in _files.split(","):
    for _folder in _folders:
        if _folder not in sys.path:
            sys.path.insert(0, _folder)  # every plug-in folder is on sys.path
        __file__ = os.path.join(_folder, _name)
        if os.path.exists(__file__):
            with open(__file__, encoding="utf-8") as _stream:
                exec(compile(_stream.read(), __file__, "exec"), globals())

_loaded = sorted(set(sys.modules) - _before)
_report = {"loaded": _loaded, "path": sys.path, "names": sorted(name for name in globals() if not name.startswith("_"))}
if "nuke" in sys.modules and hasattr(sys.modules["nuke"], "menu"):
    _nuke = sys.modules["nuke"]
    _report["added"] = _nuke.added_paths
    _ai = _nuke.menu("Nuke").findItem("AI")
    _report["menu"] = [item.name() for item in _ai.items()] if _ai else []
    _report["pane"] = [item.name() for item in _nuke.menu("Pane").items()]
    if os.environ.get("CHOOSE"):
        _ai.findItem(os.environ["CHOOSE"]).invoke()
    _report["messages"] = _nuke.messages
if hasattr(sys.modules.get("nukescripts"), "panels"):
    _report["panels"] = sorted(sys.modules["nukescripts"].panels.registered)
print("\n@@" + json.dumps(_report))
