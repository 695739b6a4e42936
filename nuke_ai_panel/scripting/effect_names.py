"""Names of calls, modules and methods, and what a script that uses them does."""

from __future__ import annotations

from typing import Literal

__all__ = ["CALLS", "DIALOGS", "METHODS", "MODULES", "EffectKind"]

EffectKind = Literal[
    "creates nodes",
    "changes knobs",
    "connects",
    "disconnects",
    "renames nodes",
    "moves nodes",
    "changes the selection",
    "deletes nodes",
    "renders",
    "replaces the script",
    "saves the script",
    "reads files",
    "writes files",
    "deletes files",
    "starts a process",
    "network",
    "exits",
    "waits for the artist",
    "runs hidden code",
    "stays in the session",
    "may not end",
]

#: Full dotted name of a call -> what it does.
CALLS: dict[str, EffectKind] = {}


def _register(kind: EffectKind, names: str) -> None:
    CALLS.update(dict.fromkeys(names.split(), kind))


_register(
    "creates nodes",
    "nuke.createNode nuke.nodePaste nuke.clone nuke.cloneSelected nuke.collapseToGroup nuke.makeGroup "
    "nuke.loadToolset nuke.scriptReadText nuke.scriptReadFile nuke.scriptSource nuke.forceClone nuke.duplicateSelectedNodes "
    "nuke.expandSelectedGroup nuke.createLiveInput nuke.collapseToLiveGroup nukescripts.autoBackdrop "
    "nukescripts.node_copypaste",
)
_register(
    "changes the selection",
    "nuke.selectAll nuke.selectPattern nuke.selectSimilar nuke.selectConnectedNodes nuke.invertSelection",
)
_register(
    "moves nodes",
    "nuke.autoplace nuke.autoplaceAll nuke.autoplaceSnap nuke.autoplaceSnapAll nuke.autoplaceSnapSelected nuke.autoplace_all "
    "nuke.autoplace_snap_all nuke.autoplace_snap_selected nuke.splayNodes",
)
_register(
    "connects",
    "nuke.connectNodes nuke.connectViewer nuke.extractSelected nukescripts.swapAB",
)
_register(
    "deletes nodes",
    "nuke.delete nuke.nodeDelete nukescripts.node_delete nukescripts.nodes.node_delete",
)
_register(
    "renders",
    "nuke.execute nuke.executeMultiple nuke.render nuke.executeBackgroundNuke",
)
_register(
    "replaces the script",
    "nuke.scriptClear nuke.scriptClose nuke.scriptNew nuke.scriptOpen nuke.scriptSaveAndClear nuke.Undo.undoTruncate",
)
_register(
    "saves the script",
    "nuke.scriptSave nuke.scriptSaveAs",
)
_register(
    "exits",
    "nuke.scriptExit sys.exit os._exit os.abort exit quit",
)
_register(
    "waits for the artist",
    "nuke.ask nuke.askWithCancel nuke.getInput nuke.getFilename nuke.getClipname nuke.getColor "
    "nuke.getFramesAndViews nuke.message nuke.choice input",
)
_register(
    "runs hidden code",
    "exec eval compile nuke.tcl __import__ importlib.import_module runpy.run_path runpy.run_module",
)
_register(
    "stays in the session",
    "nuke.knobDefault nuke.knobTooltip nuke.pluginAddPath nuke.pluginAppendPath nuke.load nuke.setPreset "
    "nuke.setUserPreset nuke.menu nuke.toolbar nukescripts.registerPanel nukescripts.panels.registerWidgetAsPanel",
)
_register(
    "reads files",
    "io.open_code glob.glob glob.iglob os.listdir os.walk os.scandir linecache.getline nuke.getFileNameList",
)
_register(
    "writes files",
    "os.mkdir os.makedirs shutil.copy shutil.copy2 shutil.copyfile shutil.copytree shutil.make_archive "
    "shutil.unpack_archive os.symlink os.link os.chmod os.truncate tempfile.mkstemp tempfile.mkdtemp "
    "tempfile.NamedTemporaryFile tempfile.TemporaryDirectory nuke.nodeCopy nuke.createToolset sqlite3.connect "
    "logging.FileHandler",
)
_register(
    "deletes files",
    "os.remove os.unlink os.rmdir os.removedirs os.rename os.renames os.replace shutil.rmtree shutil.move nuke.clearDiskCache",
)
_register(
    "starts a process",
    "os.system os.popen os.startfile os.fork os.execv os.execve os.execvp os.execl os.execlp os.spawnv os.spawnl "
    "os.spawnlp os.spawnvp os.posix_spawn pty.spawn webbrowser.open asyncio.create_subprocess_exec "
    "asyncio.create_subprocess_shell nukescripts.start",
)

MODULES: dict[str, EffectKind] = {
    "subprocess": "starts a process",
    "multiprocessing": "starts a process",
    "ctypes": "runs hidden code",
    "socket": "network",
    "ssl": "network",
    "urllib.request": "network",
    "http.client": "network",
    "http.server": "network",
    "ftplib": "network",
    "smtplib": "network",
    "telnetlib": "network",
    "xmlrpc": "network",
    "requests": "network",
    "httpx": "network",
    "aiohttp": "network",
    "paramiko": "network",
}

#: Classes of Qt whose functions open a dialog of their own.
DIALOGS = frozenset({"QMessageBox", "QFileDialog", "QInputDialog", "QColorDialog", "QFontDialog"})

#: Methods that say what they do whatever they are called on. Kept to names that Nuke's own nodes and knobs do not have.
METHODS: dict[str, EffectKind] = {
    "unlink": "deletes files",
    "rmdir": "deletes files",
    "write_text": "writes files",
    "write_bytes": "writes files",
    "read_text": "reads files",
    "read_bytes": "reads files",
    "mkdir": "writes files",
    "touch": "writes files",
    "showModal": "waits for the artist",
    "showModalDialog": "waits for the artist",
    "exec_": "waits for the artist",
    "setInput": "connects",
    "connectInput": "connects",
    "setName": "renames nodes",
    "setXYpos": "moves nodes",
    "setXpos": "moves nodes",
    "setYpos": "moves nodes",
    "autoplace": "moves nodes",
    "setSelected": "changes the selection",
    "selectOnly": "changes the selection",
    "resetToDefault": "changes knobs",
    "resetKnobsToDefault": "changes knobs",
    "setLink": "changes knobs",
    "makeLink": "changes knobs",
    "setCommand": "changes knobs",
    "setText": "changes knobs",
    "setAnimated": "changes knobs",
    "setKeyAt": "changes knobs",
    "removeKeyAt": "changes knobs",
    "copyAnimation": "changes knobs",
    "copyAnimations": "changes knobs",
    "deleteAnimation": "changes knobs",
    "changeInterpolation": "changes knobs",
    "setValue": "changes knobs",
    "setValueAt": "changes knobs",
    "setExpression": "changes knobs",
    "fromScript": "changes knobs",
    "fromUserText": "changes knobs",
    "readKnobs": "changes knobs",
    "setSingleValue": "changes knobs",
    "clearAnimated": "changes knobs",
    "addKnob": "changes knobs",
    "removeKnob": "changes knobs",
}
