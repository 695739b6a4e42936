"""What code says of names anywhere in it: the nodes, knobs and layers it makes, and what it asks for before using it."""

from __future__ import annotations

import ast
import copy
import re
import sys
from collections.abc import Iterable
from typing import Optional

from nuke_ai_panel import nk
from nuke_ai_panel.errors import NkError
from nuke_ai_panel.scripting.python_check_texts import PIECE, as_pattern, shape_of

__all__ = ["CodeNames", "stem_of"]

_DIGITS = re.compile(r"\d+\Z")
_MAKERS = frozenset(
    [
        "nodePaste",
        "scriptReadText",
        "scriptReadFile",
        "scriptSource",
        "scriptOpen",
        "loadToolset",
        "tcl",
        "exec",
        "eval",
        "execfile",
        "makeGroup",
        "collapseToGroup",
        "expandSelectedGroup",
        "expand",
        "clone",
        "cloneSelected",
        "duplicateSelectedNodes",
        "copySpecial",
        "node_copypaste",
        "makeLocal",
        "scriptClear",
        "scriptNew",
        "scriptSaveAndClear",
        "scriptClose",
        "undo",
        "redo",
        "invoke",
    ]
)
_FREE = frozenset({"delete", "nodeDelete", "node_delete", "setName", "tcl", "exec", "eval", "invoke", "undo", "redo"})
_REWIRE = frozenset({"setInput", "connectInput", "createNode", "delete", "connectNodes", "extractSelected", "swapAB"})
#: Modules whose functions make no nodes. Those of a studio may.
_HARMLESS = frozenset({"numpy", "PIL", "requests", "yaml", "OpenImageIO", "OpenEXR", "PyOpenColorIO", "cv2", "Qt", "qtpy"})
_QT = ("PySide", "PyQt", "shiboken")
_USUAL = """
    abc argparse ast base64 collections colorsys configparser contextlib copy csv ctypes dataclasses datetime decimal difflib
    enum errno fnmatch fractions functools getpass glob gzip hashlib html http importlib inspect io itertools json locale
    logging math mimetypes multiprocessing numbers operator os pathlib pickle pkgutil platform pprint queue random re shlex
    shutil signal site socket sqlite3 ssl stat statistics string struct subprocess sys tempfile textwrap threading time timeit
    traceback types typing unicodedata urllib uuid warnings weakref webbrowser xml zipfile zlib
"""
# Python 3.9 does not name its modules.
_STANDARD: frozenset[str] = getattr(sys, "stdlib_module_names", frozenset()) | frozenset(_USUAL.split())
#: Functions of ``nukescripts`` that make no nodes.
_QUIET = frozenset({"registerPanel", "registerWidgetAsPanel", "restorePanel", "addDropDataCallback", "PythonPanel", "start"})


#: The syntax that says something of names.
_TELLING = (
    ast.Call,
    ast.Compare,
    ast.If,
    ast.While,
    ast.IfExp,
    ast.Assert,
    ast.comprehension,
    ast.Assign,
    ast.Import,
    ast.ImportFrom,
)


def stem_of(class_name: str) -> str:
    """Return how Nuke begins the name of a new node: a class without the digits at its end."""
    return _DIGITS.sub("", class_name.rsplit(".", 1)[-1]) or class_name


class CodeNames:
    """What the code says about names anywhere in it, in whatever order: what it adds, renames, and asks for before using it."""

    def __init__(self, nodes: Iterable[ast.AST]) -> None:
        self.nodes: set[str] = set()
        self.classes: set[str] = set()
        self.knobs: set[str] = set()
        self.layers: set[str] = set()
        self.asked: set[str] = set()
        self.asked_attributes: set[str] = set()
        self.nuke_attributes: set[str] = set()
        self.any_node = False
        self.any_knob = False
        self.any_layer = False
        #: Whether the code changes what nodes read from.
        self.rewires = False
        #: Whether nodes are deleted or renamed, so that their names may be given to others.
        self.frees = False
        #: The calls after which there may be nodes of whatever name.
        self.makers: set[ast.AST] = set()
        #: What the names of nodes look like that are put together when the code runs.
        self.patterns: list[re.Pattern[str]] = []
        #: The nodes of a script that the code reads from a text, and their classes where nothing was added to them.
        self.read: dict[str, Optional[frozenset[str]]] = {}
        self._foreign: set[str] = set()
        self.add(nodes)

    def add(self, nodes: Iterable[ast.AST]) -> None:
        """Add what more code says."""
        nodes = [each for each in nodes if isinstance(each, _TELLING)]
        for node in nodes:
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                self._import(node)
        for node in nodes:
            if isinstance(node, ast.Call):
                before, self.any_node = self.any_node, False
                self._call(node)
                if self.any_node:
                    self.makers.add(node)
                self.any_node = self.any_node or before
            elif isinstance(node, ast.Compare):
                self._compare(node)
            elif isinstance(node, (ast.If, ast.While, ast.IfExp, ast.Assert)):
                self._test(node.test)
            elif isinstance(node, ast.comprehension):
                for each in node.ifs:
                    self._test(each)
            elif isinstance(node, ast.Assign):
                for target in node.targets:
                    of = target.value if isinstance(target, ast.Attribute) else None
                    if isinstance(target, ast.Attribute) and isinstance(of, ast.Name) and of.id not in ("self", "cls"):
                        self.nuke_attributes.add(target.attr)

    def with_more(self, nodes: Iterable[ast.AST]) -> CodeNames:
        """Return what this code and more of it say, for code that runs beside it."""
        alone = CodeNames(nodes)
        if not any(vars(alone).values()):
            return self
        both = copy.copy(self)
        for name, value in vars(self).items():
            if isinstance(value, (set, list, dict)):
                setattr(both, name, value.copy())
        both.add(nodes)
        return both

    def makes(self, name: str) -> bool:
        """Return whether the code may make a node of that name, those left out of which no name is known."""
        stem = stem_of(name)
        if name in self.nodes or any(stem == stem_of(each) for each in self.nodes):
            return True
        if any(each.match(name) for each in self.patterns):
            return True
        return any(re.fullmatch(re.escape(stem_of(each)) + r"\d*", name) for each in self.classes)

    def _import(self, node: ast.AST) -> None:
        """Note what comes from modules of a studio, which may do anything."""
        if isinstance(node, ast.Import):
            for each in node.names:
                if not _is_harmless(each.name):
                    self._foreign.add((each.asname or each.name).split(".")[0])
        elif isinstance(node, ast.ImportFrom) and (node.level or not _is_harmless(node.module or "")):
            self._foreign.update(each.asname or each.name for each in node.names)

    def _call(self, node: ast.Call) -> None:
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        texts = [_text(each) for each in node.args]
        self.rewires = self.rewires or name in _REWIRE or name in _MAKERS
        root = _root(node.func)
        self.frees = self.frees or name in _FREE or root in self._foreign or _subscript_text(node.func) == "name"
        if name == "scriptReadText" and self.read_script(shape_of(node.args[0]) if node.args else ""):
            self.any_layer = True
        elif name in _MAKERS or root in self._foreign:
            self.any_node = True
            self.any_layer = self.any_layer or name in ("tcl", "scriptReadText", "exec", "eval")
        elif root == "nukescripts" and isinstance(node.func, ast.Attribute):
            if name == "autoBackdrop":
                self.classes.add("BackdropNode")
            elif name not in _QUIET:
                self.any_node = True
        if name == "readKnobs":
            self._read_knobs(node.args[0] if node.args else None)
        if name == "setName" or (name in ("setValue", "fromScript", "setText") and _subscript_text(node.func) == "name"):
            self._named(node.args[0] if node.args else None)
        elif name.endswith("_Knob") or name in ("Knob",):
            first = node.args[0] if node.args else next((each.value for each in node.keywords if each.arg == "name"), None)
            if _text(first) is None:
                self.any_knob = self.any_knob or first is not None
            else:
                self.knobs.add(str(_text(first)))
        elif name == "createNode":
            self._made(texts[0] if texts else None)
            knobs = node.args[1] if len(node.args) > 1 else None
            knobs = next((each.value for each in node.keywords if each.arg == "knobs"), knobs)
            self._read_knobs(knobs)
        elif isinstance(node.func, ast.Attribute) and _is_nodes(node.func.value):
            self._made(name)
        elif name == "Layer":
            if texts and texts[0]:
                self.layers.add(texts[0])
            else:
                self.any_layer = True
        elif name in ("hasattr", "getattr") and len(texts) > 1:
            if _is_nodes(node.args[0]):
                self._made(texts[1])
            if texts[1]:
                self.asked_attributes.add(texts[1])
        elif name == "exists" and texts and texts[0]:
            self.asked.add(texts[0].rpartition(".")[2])
            self.asked.update(texts[0].split("."))
        elif name == "get" and texts and texts[0] and isinstance(node.func, ast.Attribute) and _calls_knobs(node.func.value):
            self.asked.add(texts[0])
        for keyword in node.keywords:
            if keyword.arg == "name" and not name.endswith("_Knob"):
                self._named(keyword.value)
            elif keyword.arg is None:
                self.any_node = True

    def _made(self, class_name: Optional[str]) -> None:
        if class_name is None:
            self.any_node = True
        else:
            self.classes.add(class_name)

    def _named(self, node: Optional[ast.AST]) -> None:
        if not self.read_name(shape_of(node)):
            self.any_node = True

    def read_name(self, text: str) -> bool:
        """Note the name of a node, marked where it is not known; return whether anything is known of it."""
        pattern = as_pattern(text)
        if pattern is None:
            return False
        if PIECE in text:
            self.patterns.append(pattern)
        else:
            self.nodes.add(text)
        return True

    def _read_knobs(self, node: Optional[ast.AST]) -> None:
        text = shape_of(node)
        if node is not None and not (_text(node) == "" or self.read_knobs(text)):
            self.any_node = True
        if node is not None and (not text or "addUserKnob" in text):
            self.any_knob = True

    def read_knobs(self, text: str) -> bool:
        """Note what ``name Fog size 3`` says, marked where it is not known; return whether that name is known."""
        known = [self.read_name(name) for name in re.findall(r"\bname\s+\"?(\w+)", text)]
        # What is put in at another place than after a knob may be a name.
        return bool(text) and all(known) and not re.match(rf"\s*{PIECE}", text) and f"name {PIECE}" not in text

    def read_script(self, text: str) -> bool:
        """Note the nodes of a script that is read from a marked text; return whether all of their names are known."""
        if not text:
            return False
        try:
            document = nk.loads(text.encode("utf-8", "surrogatepass"))
            nodes = document.nodes(recurse=True)
        except (NkError, ValueError, RecursionError):
            return False
        # What is put in at another place than in a knob may be nodes.
        if text.count(PIECE) != sum(node.text.body.count(PIECE) for node in nodes):
            return False
        self.classes.update(node.class_name for node in nodes)
        known = [self.read_name(node.name) for node in nodes]
        for node in document.nodes():
            classes = frozenset({node.class_name})
            is_plain = not node.user_knobs and PIECE not in node.class_name
            self.read[node.name] = classes if is_plain and self.read.get(node.name, classes) == classes else None
        if any(node.user_knobs for node in nodes):
            self.any_knob = True
        return all(known) and PIECE not in "".join(node.class_name for node in nodes)

    def _compare(self, node: ast.Compare) -> None:
        if isinstance(node.ops[0], (ast.In, ast.NotIn)):
            text = _text(node.left)
            if text:
                self.asked.add(text)

    def _test(self, test: ast.AST) -> None:
        for node in ast.walk(test):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr in ("knob", "knobs", "get")
            ):
                for each in node.args:
                    text = _text(each)
                    # `if n.knob("x").value()` uses it; `if n.knob("x")` asks for it.
                    if text and not _is_used_in(test, node):
                        self.asked.add(text)


def _is_used_in(test: ast.AST, call: ast.Call) -> bool:
    return any(isinstance(node, ast.Attribute) and node.value is call for node in ast.walk(test))


def _text(node: Optional[ast.AST]) -> Optional[str]:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def _subscript_text(func: ast.AST) -> Optional[str]:
    if isinstance(func, ast.Attribute) and isinstance(func.value, ast.Subscript):
        return _text(func.value.slice)
    return None


def _is_nodes(node: ast.AST) -> bool:
    return isinstance(node, ast.Attribute) and node.attr == "nodes" and isinstance(node.value, ast.Name)


def _calls_knobs(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in ("knobs", "allKnobs")


def _root(node: ast.AST) -> str:
    """Return the name that a chain of attributes and calls begins with."""
    while isinstance(node, (ast.Attribute, ast.Call, ast.Subscript)):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else ""


def _is_harmless(module: str) -> bool:
    """Return whether nothing in a module makes nodes of its own accord."""
    top = module.split(".")[0]
    return top in _STANDARD or top in _HARMLESS or top.startswith(_QT) or top in ("nuke", "nukescripts", "__future__")
