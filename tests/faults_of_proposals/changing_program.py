"""A program that changes a script by proposals: arguments are the script, the folder of records, and the code's file.

Applies the code, saves, and prints what came of it. What the tests do to it while it runs is their matter.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))

from nuke_ai_panel.errors import NukeAIPanelError
from nuke_ai_panel.hosts.document_host import DocumentHost
from nuke_ai_panel.scripting.applying import apply
from nuke_ai_panel.scripting.proposal import ScriptProposal
from nuke_ai_panel.scripting.records import Records

_script, _folder, _code, _limit = sys.argv[1:]
if int(_limit):
    import resource
    import signal

    # The disk is full: no file may become larger than this.
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(_limit), int(_limit)))
_host = DocumentHost.open(_script)
_records = Records.in_folder(_folder, "talk")
_records.begin_turn()
try:
    _applied = apply(
        ScriptProposal("python", Path(_code).read_text(encoding="utf-8"), "AI: test"), _host, records=_records, deadline=2
    )
    if _applied.result.ok:
        _host.save()
    _told = {"ok": _applied.result.ok, "changed": bool(_applied.diff), "stopped": _applied.was_stopped}
except NukeAIPanelError as error:
    _told = {"refused": str(error)}
print(json.dumps(_told))
