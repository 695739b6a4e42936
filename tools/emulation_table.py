"""Write docs/emulation.md: for every function of Nuke's Python API whether the emulated module simulates it.

What is simulated is read off the module itself; what is simulated in part is said in PARTLY below. A test builds the page anew
and compares, so the page cannot fall behind. Run ``python tools/emulation_table.py`` after a change.
"""

from __future__ import annotations

import sys
import types
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "emulation.md"

#: What is simulated in part: the name, and how.
PARTLY = {
    "allNodes": "newest first; with `recurseGroups` it enters what the script holds, not gizmos",
    "addFormat": "lasts as long as the session; the script keeps it once a knob uses it",
    "autoplace": "below the inputs, on a free place; Nuke's own layout differs in detail",
    "autoplace_all": "as `autoplace`",
    "autoplaceAll": "as `autoplace`",
    "autoplaceSnap": "the grid of Nuke's default preferences",
    "channels": "of the script: built-in layers and those it declares; not of one node",
    "collapseToGroup": "clones become nodes of their own; `show` opens nothing",
    "createNode": "no panel opens, no callback is called; the class must be known or stand in the script",
    "dependencies": "expressions whose names Tcl puts together do not count",
    "dependentNodes": "as `dependencies`",
    "delete": "what read from the node reads from its first input",
    "debug": "written to the output",
    "warning": "written to the output",
    "error": "written to the output",
    "critical": "written to the output",
    "executeInMainThread": "the main thread is the one that made the module; calls wait for `main_calls.serve()`",
    "executeInMainThreadWithResult": "as above; where Nuke would wait for ever it raises NotSimulatedError",
    "expandSelectedGroup": "Inputs and Outputs become connections; knobs of the group are lost",
    "expression": "numbers of knobs and the listed functions; nothing that needs an image",
    "filename": "the text of `file`, not evaluated",
    "formats": "the usual formats of a new session and added ones",
    "knobDefault": "set on new nodes; of a knob that depends on a file type the default is what is read",
    "layers": "of the script, not of one node",
    "loadToolset": "as `nodePaste`",
    "makeGroup": "as `collapseToGroup`, the nodes stay",
    "menu": "recorded, see above; its own items are not known beyond the top",
    "toolbar": "as `menu`",
    "message": "written to the output",
    "tprint": "written to the output",
    "nodeCopy": "`%clipboard%` is the session's own; clones become nodes of their own",
    "nodePaste": "no code in the text is run; places are kept",
    "duplicateSelectedNodes": "the copies stand where the originals do",
    "redo": "node objects from before are no longer attached",
    "scriptClear": "the settings of the Root are those of a new session here",
    "scriptClose": "as `scriptClear`",
    "scriptNew": "as `scriptClear`; no new window",
    "scriptOpen": "in the place of the open script; no code in it is run",
    "scriptReadFile": "as `scriptReadText`",
    "scriptReadText": "nodes only: Root settings are left alone and no code in the text is run",
    "scriptSource": "a .nk file as `scriptReadFile`; code is not run",
    "scriptSave": "writes the file; no callback is called",
    "scriptSaveAs": "not without a file name",
    "selectedNode": "of several the one that comes last in the script",
    "selectedNodes": "newest first; the order of selecting is not known",
    "tcl": "the commands named below; code is never run",
    "cloneSelected": "without an action",
    "zoom": "does nothing; the present zoom is not known",
    "activeViewer": "None, where there is no window",
    "thisClass": "the class of `thisNode`",
    "thisKnob": "None: no callback is ever running",
    "thisPane": "None: no panel is ever shown",
    "pluginAddPath": "recorded in `session_of(module).plugin_paths`, nothing is loaded",
    "pluginAppendPath": "as `pluginAddPath`",
    "pluginPath": "what the script added",
    "clone": "as `createNode`, with the knobs of the node",
    "thisNode": "the group that commands work in: no callback is ever running",
    "undo": "steps of this session",
    "value": "what the evaluator of expressions knows",
    "numvalue": "as `value`",
    "views": "the names, not the settings",
    "AnimationCurve": "keys, values, interpolation, expression; no derivative",
    "Undo": "groups, cancel, undo and redo of this session",
}
_TCL = """
## Tcl

`nuke.tcl` runs what knob expressions know of Tcl and these commands, which change the script or keep variables:
`knob`, `knobs node {name value ...}`, `knob_default`, `setkey`, `animation knob expression text`, `addUserKnob`, `Root`,
a class by its name (`Blur {...}` pops its inputs from the node stack; `Blur -New {...}` stands in the stream of the selected
node), `end_group`, `input`, `inputs`, `nodes`, `selected_nodes`, `delete`, `node_delete`, `node_copy`, `node_paste`, `clone`,
`autoplace`, `version`, `push`, `pop`, `dup`, `exch`, `stack`, `in`, `puts`, `foreach`, `for`, `while`, `break`, `continue`,
`eval`, `error`, `lappend`, `incr`, `unset`, `lreverse`, `info exists`. Variables and the node stack stay from call to call.

`python`, `source`, `exec` and `open` are never run; what they would have run is listed in `session_of(module).not_run`. Text of
a knob that is evaluated can read, and change nothing. Any other command raises `NotSimulatedError` with its name.
"""
_MORE = """
## Nodes and knobs, in part

* `Node.format`, `width`, `height`, `pixelAspect`: where the text says it: of the Root, of what has a format (a Read's knob),
  and of what passes it on; proxy mode is not looked at.
* `Node.writeKnobs`: knobs at their default are left out with any flags; `WRITE_ALL` adds the name and the place.
* `Gizmo.makeGroup`: of a gizmo whose file the catalogue knows; its inputs are left open.
* A knob that comes with a file type (`Write.compression`) is there while `file_type`, or the ending of `file`, is that type.
* `BlinkScript`: the kernel is text. `reloadKernelSourceFile` reads its file, `recompile` then sets `kernelName`; nothing is
  compiled, no mistake is found, and a kernel that was only set as text is not taken over, as in Nuke.
* `autoplace` and new nodes: places as `nk.place` finds them.
"""
_LIBRARY = """`autoBackdrop`, `clear_selection_recursive` and `swapAB`; recorded only: `panels.registerWidgetAsPanel`,
`registerPanel`, `unregisterPanel` and `PythonPanel` with its knobs, which no call shows. Anything else is **no**."""
_NOTHING = "does nothing: there is no window and no cache"
_CALLBACK = "registered and removed, never called"

_INTRO = """# The emulated nuke module

`nk.emulate(document)` returns a module named `nuke` over a .nk document. It is the host without Nuke, and the copy on which a
proposal is tried. This page says for every function of Nuke's Python API (the names are those of Nuke 13 to 17) what it does
with it. It is made by `python tools/emulation_table.py`, and a test compares it with the module.

* **yes**: as Nuke does it, as far as it is documented.
* **partly**: with the difference that is named.
* **no**: `NotSimulatedError`, which names the call. Rendering, image values, viewers and dialogs are such. Asking for the name
  alone is no error, so `hasattr` answers as in Nuke.

A name that Nuke does not have raises `AttributeError` with Nuke's words. A value that depends on an image, on a plug-in or on
Python in a knob raises `NotSimulatedError` instead of being invented.

Text is data: `[python ...]`, `knobChanged`, `onCreate` and the other callbacks are never run, whether they stand in the script,
in pasted text or come from `nuke.addOnCreate`. What was read and would have run in Nuke is listed in
`session_of(module).not_run`, what was registered in `session_of(module).callbacks`.

Menus, tool bars and panels are data too: what a script adds to them is listed in `session_of(module).menu_changes` and
`.panels`, with its path, shortcut and command, and no command is run. Of Nuke's own menus the names at their top are known;
asking for what stands deeper in one of them raises `NotSimulatedError`.

The module is the Nuke of the script's `version` line (`nuke.env`, `NUKE_VERSION_*`, the classes and knobs there are), the
newest where it names none; `nk.emulate(document, version="16.0")` and `catalogue=` ask for another.

`nk.emulate(document, non_commercial=True)` gives Python ten node objects a script and then `None`, cumulative until
`nuke.scriptClear()`, as a non-commercial Nuke does. How such an edition fills lists is not documented: here the list
holds `None` for each node over the limit.

"""


def page(module: types.ModuleType) -> str:
    """Return the page for an emulated module."""
    from nuke_ai_panel.nk.emulation.api import api
    from nuke_ai_panel.nk.emulation.callbacks import KINDS
    from nuke_ai_panel.nk.emulation.window import SHOWN_NOWHERE

    known = api()
    own = vars(module)
    callbacks = {f"add{kind}" for kind in KINDS} | {f"remove{kind}" for kind in KINDS} | {"removeFilenameValidate"}
    lines = [_INTRO, "## Functions\n", "| function | simulated | how |", "| --- | --- | --- |"]
    public = {
        name for name, found in own.items() if callable(found) and not name.startswith("_") and not isinstance(found, type)
    }
    for name in sorted(known.functions | public, key=str.lower):
        note = _CALLBACK if name in callbacks else _NOTHING if name in SHOWN_NOWHERE else PARTLY.get(name, "")
        state = "no" if name not in own else "partly" if note else "yes"
        lines.append(f"| `nuke.{name}` | {state} | {note if state != 'no' else ''} |".replace("|  |", "| |"))
    lines += ["\n## Classes\n", "| class | simulated methods | methods that are not |", "| --- | --- | --- |"]
    for name in sorted(known.classes, key=str.lower):
        found = own.get(name)
        methods = known.methods(name)
        if not isinstance(found, type):
            lines.append(f"| `{name}` | none: no object can be made | |")
            continue
        does = sorted(method for method in methods if hasattr(found, method))
        lacks = sorted(methods - set(does))
        lines.append(f"| `{name}` | {' '.join(does)} | {' '.join(lacks)} |".replace("|  |", "| |"))
    lines += [_TCL, _MORE]
    lines += ["## nukescripts\n", _LIBRARY, ""]
    return "\n".join(lines)


def main() -> None:
    """Write the page."""
    sys.path.insert(0, str(ROOT))
    from nuke_ai_panel import nk

    PAGE.write_bytes(page(nk.emulate(nk.new_script())).encode("utf-8"))


if __name__ == "__main__":
    main()
