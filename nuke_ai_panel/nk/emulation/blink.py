"""BlinkScript as text: its buttons read the kernel's file and tell the kernel's name; nothing is compiled.

In Nuke a kernel that is only typed into ``kernelSource`` is not taken over: the node goes on with the one it had. What works is
to set ``kernelSourceFile``, press ``reloadKernelSourceFile`` and then ``recompile``; ``kernelName`` tells whether it did.
"""

from __future__ import annotations

import re
from pathlib import Path

from nuke_ai_panel.nk.emulation.knob import Knob
from nuke_ai_panel.nk.emulation.script_errors import NotSimulatedError
from nuke_ai_panel.nk.emulation.text_knobs import EvalString_Knob, Script_Knob, String_Knob

__all__ = ["BLINK_BUTTONS", "BlinkEditorKnob"]

_KERNEL = re.compile(r"^[ \t]*kernel\s+([A-Za-z_]\w*)\s*:", re.MULTILINE)
_MOST_BYTES = 1024 * 1024


class BlinkEditorKnob(String_Knob):
    """The text of a kernel."""


class _ReloadButton(Script_Knob):
    def execute(self) -> None:
        """Read the kernel from its file. Raises: NotSimulatedError where the file cannot be read here."""
        path = self._node["kernelSourceFile"]
        name = path.evaluate() if isinstance(path, EvalString_Knob) else ""
        try:
            with Path(name).open("rb") as stream:
                data = stream.read(_MOST_BYTES + 1)
        except OSError as error:
            raise NotSimulatedError(f"{self._full_name()}: the file {name!r} cannot be read here: {error.strerror}.") from error
        text = data.decode("utf-8", "replace").replace("\r\n", "\n")
        # A script must not use this to look into any file it likes.
        if len(data) > _MOST_BYTES or _KERNEL.search(text) is None:
            raise NotSimulatedError(f"{self._full_name()}: the file {name!r} does not hold a kernel.")
        self._node["kernelSource"].setValue(text)
        self._node._session.kernels_from_files.add(self._node._attached())


class _RecompileButton(Script_Knob):
    def execute(self) -> None:
        """Take over a kernel that came from a file: its name is known then. Nothing is compiled, and no mistake is found."""
        node = self._node
        if node._attached() not in node._session.kernels_from_files:
            return
        found = _KERNEL.search(str(node["kernelSource"].value()))
        if found is not None:
            node["kernelName"].setValue(found[1])


#: The buttons of a BlinkScript node that are simulated.
BLINK_BUTTONS: dict[tuple[str, str], type[Knob]] = {
    ("BlinkScript", "reloadKernelSourceFile"): _ReloadButton,
    ("BlinkScript", "recompile"): _RecompileButton,
}
