"""Whether Python fits the Nuke it is for: what Python 2 had, what is newer than its interpreter, modules it does not bring."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator, Sequence
from typing import Optional

from nuke_ai_panel.nk.catalogue import Catalogue
from nuke_ai_panel.scripting.findings import Finding
from nuke_ai_panel.scripting.python_check_notes import Notes

__all__ = ["OLD_BUILT_INS", "bound_names", "check_versions", "python_of", "tolerated"]

#: From which Nuke on the interpreter is of which version.
_PYTHONS = (("16.0", (3, 11)), ("15.0", (3, 10)), ("14.0", (3, 9)), ("13.0", (3, 7)))

#: Names of Python 2, and what they are now.
OLD_BUILT_INS = {
    "unicode": "str",
    "xrange": "range",
    "raw_input": "input",
    "basestring": "str",
    "unichr": "chr",
    "long": "int",
    "execfile": "exec(open(path).read())",
    "cmp": "(a > b) - (a < b)",
    "reduce": "functools.reduce",
    "reload": "importlib.reload",
    "apply": "function(*arguments)",
}
_OLD_METHODS = {"has_key": "in", "iteritems": "items", "itervalues": "values", "iterkeys": "keys"}
_OLD_MODULES = {
    "urllib2": "urllib.request",
    "urlparse": "urllib.parse",
    "httplib": "http.client",
    "ConfigParser": "configparser",
    "Queue": "queue",
    "StringIO": "io",
    "cStringIO": "io",
    "cPickle": "pickle",
    "Tkinter": "tkinter",
    "commands": "subprocess",
    "__builtin__": "builtins",
    "thread": "threading",
    "HTMLParser": "html.parser",
    "itertools.izip": "zip",
}
_OLD_MEMBERS = {
    ("string", "letters"): "string.ascii_letters",
    ("string", "join"): "str.join",
    ("string", "maketrans"): "str.maketrans",
    ("sys", "maxint"): "sys.maxsize",
    ("os", "getcwdu"): "os.getcwd",
    ("itertools", "izip"): "zip",
    ("itertools", "imap"): "map",
    ("itertools", "ifilter"): "filter",
    ("urllib", "urlopen"): "urllib.request.urlopen",
    ("urllib", "quote"): "urllib.parse.quote",
    ("urllib", "urlencode"): "urllib.parse.urlencode",
}
_NEW_MEMBERS = {
    ("itertools", "pairwise"): (3, 10),
    ("itertools", "batched"): (3, 12),
    ("enum", "StrEnum"): (3, 11),
    ("datetime", "UTC"): (3, 11),
    ("contextlib", "chdir"): (3, 11),
    ("asyncio", "TaskGroup"): (3, 11),
    ("asyncio", "timeout"): (3, 11),
    ("typing", "Self"): (3, 11),
    ("typing", "TypeAlias"): (3, 10),
    ("typing", "ParamSpec"): (3, 10),
    ("typing", "override"): (3, 12),
    ("math", "cbrt"): (3, 11),
    ("math", "exp2"): (3, 11),
    ("functools", "cache"): (3, 9),
    ("math", "lcm"): (3, 9),
}
_NEW_MODULES = {"tomllib": (3, 11), "zoneinfo": (3, 9), "graphlib": (3, 9)}
#: Modules that artists' tools use and that Nuke does not bring, or not everywhere.
_NOT_THERE = frozenset(
    [
        "numpy",
        "cv2",
        "OpenEXR",
        "Imath",
        "requests",
        "PIL",
        "scipy",
        "pandas",
        "skimage",
        "torch",
        "tensorflow",
        "matplotlib",
        "httpx",
        "aiohttp",
        "yaml",
        "openai",
        "anthropic",
        "imageio",
        "psutil",
        "pyperclip",
        "PyQt5",
        "PyQt6",
        "paramiko",
        "sklearn",
        "numba",
        "transformers",
    ]
)
_GENERIC = frozenset({"list", "dict", "tuple", "set", "frozenset"})

_Version = tuple[int, int]


def python_of(catalogue: Catalogue) -> Optional[_Version]:
    """Return the version of Python in a Nuke, None for one that is too old to tell."""
    for since, version in _PYTHONS:
        if catalogue.has_reached(since):
            return version
    return None


def check_versions(tree: ast.Module, nodes: Sequence[ast.AST], catalogue: Catalogue, notes: Notes) -> None:
    """Report what does not fit the Nuke of the catalogue."""
    _Versions(tree, nodes, catalogue, notes).run()


class _Versions:
    def __init__(self, tree: ast.Module, nodes: Sequence[ast.AST], catalogue: Catalogue, notes: Notes) -> None:
        self._nodes = nodes
        self._catalogue = catalogue
        self._notes = notes
        self._python = python_of(catalogue)
        self._own = bound_names(nodes)
        self._tolerant = set(tolerated(nodes))
        self._has_future = any(
            isinstance(node, ast.ImportFrom)
            and node.module == "__future__"
            and any(each.name == "annotations" for each in node.names)
            for node in tree.body
        )

    def run(self) -> None:
        """Look at every node of the tree."""
        for node in self._nodes:
            if id(node) in self._tolerant:
                continue
            if isinstance(node, ast.Import):
                for each in node.names:
                    self._module(node, each.name)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                self._module(node, node.module)
                for each in node.names:
                    self._member(node, node.module, each.name)
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
                self._name(node)
            elif isinstance(node, ast.Attribute):
                self._attribute(node)
            elif isinstance(node, ast.Subscript):
                self._indexed(node)
            elif isinstance(node, ast.Call):
                self._call(node)
            else:
                self._syntax(node)

    def _old(self, node: ast.AST, name: str, meant: str, severity: str = "problem") -> None:
        message = f"{name} is Python 2, which Nuke no longer runs; it is {meant} now."
        if severity == "problem":
            self._notes.report(node, Finding(message, "problem", "python-version", name=name, suggestion=meant))
        else:
            self._notes.report(node, Finding(message, "warning", "python-version", name=name, suggestion=meant))

    def _new(self, node: ast.AST, what: str, since: _Version) -> None:
        if self._python is None or self._python >= since:
            return
        have = ".".join(map(str, self._python))
        message = f"{what} came with Python {since[0]}.{since[1]}; Nuke {self._catalogue.version} runs Python {have}."
        self._notes.report(node, Finding(message, "problem", "python-version", name=what))

    def _module(self, node: ast.AST, name: str) -> None:
        top = name.split(".")[0]
        if top in _OLD_MODULES:
            self._old(node, top, _OLD_MODULES[top])
        elif name in _NEW_MODULES:
            self._new(node, name, _NEW_MODULES[name])
        elif top in ("PySide", "PySide2", "PySide6", "shiboken2", "shiboken6"):
            self._binding(node, top)
        elif top in _NOT_THERE:
            message = f"The module {top} does not come with Nuke and may not be there."
            self._notes.report(node, Finding(message, "warning", "doubt", name=top))

    def _binding(self, node: ast.AST, name: str) -> None:
        is_new = self._catalogue.has_reached("16.0")
        right = "PySide6" if is_new else "PySide2"
        if name.startswith("shiboken"):
            right = right.replace("PySide", "shiboken")
        if name == right or (not is_new and not self._catalogue.has_reached("13.0")):
            return
        message = f"Nuke {self._catalogue.version} has no {name}; it comes with {right}."
        self._notes.report(node, Finding(message, "problem", "host-version", name=name, suggestion=right))

    def _member(self, node: ast.AST, module: str, name: str) -> None:
        meant = _OLD_MEMBERS.get((module, name))
        if meant is not None:
            self._old(node, f"{module}.{name}", meant)
        since = _NEW_MEMBERS.get((module, name))
        if since is not None:
            self._new(node, f"{module}.{name}", since)

    def _name(self, node: ast.Name) -> None:
        meant = OLD_BUILT_INS.get(node.id)
        if meant is not None and node.id not in self._own:
            self._old(node, node.id, meant)
        elif node.id in ("anext", "aiter") and node.id not in self._own:
            self._new(node, node.id, (3, 10))
        elif node.id in ("ExceptionGroup", "BaseExceptionGroup") and node.id not in self._own:
            self._new(node, node.id, (3, 11))

    def _attribute(self, node: ast.Attribute) -> None:
        if isinstance(node.value, ast.Name):
            self._member(node, node.value.id, node.attr)
        meant = _OLD_METHODS.get(node.attr)
        if meant is not None and node.attr not in self._own and not _is_environment(node.value):
            self._old(node, node.attr, meant, "problem" if _is_dictionary(node.value) else "warning")

    def _indexed(self, node: ast.Subscript) -> None:
        value = node.value
        if isinstance(value, ast.Call) and isinstance(node.ctx, ast.Load):
            func = value.func
            if isinstance(func, ast.Attribute) and func.attr in ("keys", "values", "items") and _is_dictionary(func.value):
                self._old(
                    node, f"{func.attr}()[...]", f"list({ast.unparse(func.value)})[...]" if func.attr == "keys" else "list(...)"
                )
            elif isinstance(func, ast.Name) and func.id in ("map", "filter", "zip") and func.id not in self._own:
                self._old(node, f"{func.id}(...)[...]", f"list({func.id}(...))[...]")

    def _call(self, node: ast.Call) -> None:
        func = node.func
        if isinstance(func, ast.Name) and func.id not in self._own:
            given = {each.arg for each in node.keywords}
            if func.id == "zip" and "strict" in given:
                self._new(node, "zip(strict=...)", (3, 10))
            first = node.args[0] if node.args else None
            name = first.func.id if isinstance(first, ast.Call) and isinstance(first.func, ast.Name) else ""
            if func.id == "len" and name in ("map", "filter", "zip") and name not in self._own:
                self._old(node, f"len({name}(...))", f"len(list({name}(...)))")
            if func.id == "dataclass" and given & {"slots", "kw_only"}:
                self._new(node, "dataclass(slots=..., kw_only=...)", (3, 10))
        if isinstance(func, ast.Attribute) and func.attr in ("removeprefix", "removesuffix"):
            self._new(node, f"str.{func.attr}", (3, 9))

    def _syntax(self, node: ast.AST) -> None:
        kind = type(node).__name__
        if kind == "Match":
            self._new(node, "A match statement", (3, 10))
        elif kind == "TryStar":
            self._new(node, "except*", (3, 11))
        elif kind == "TypeAlias" or getattr(node, "type_params", None):
            self._new(node, "Syntax for type parameters", (3, 12))
        elif isinstance(node, ast.JoinedStr):
            self._text(node)
        elif isinstance(node, (ast.arg, ast.AnnAssign)) and not self._has_future:
            self._annotation(node.annotation)
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and not self._has_future:
            self._annotation(node.returns)

    def _annotation(self, node: Optional[ast.expr]) -> None:
        """Look at an annotation that Python evaluates: ``int | None`` fails where types cannot be joined so."""
        if self._python is None:
            return
        for each in ast.walk(node) if node is not None else ():
            if isinstance(each, ast.BinOp) and isinstance(each.op, ast.BitOr) and _is_type(each.left) and _is_type(each.right):
                self._new(each, "X | Y in an annotation", (3, 10))
            elif isinstance(each, ast.Subscript) and isinstance(each.value, ast.Name) and each.value.id in _GENERIC:
                self._new(each, f"{each.value.id}[...] in an annotation", (3, 9))

    def _text(self, node: ast.JoinedStr) -> None:
        outer = self._notes.text_at(node)
        quote = outer.lstrip("rRfFbBuU")[:1]
        if quote not in ("'", '"') or outer.lstrip("rRfFbBuU")[:3] == quote * 3:
            return
        for each in ast.walk(node):
            is_text = isinstance(each, ast.Constant) and isinstance(each.value, str)
            if is_text and _stands_in_braces(node, each) and self._notes.text_at(each).lstrip("rRfFbBuU")[:1] == quote:
                self._new(node, "The same quotes inside of an f-string", (3, 12))
                return


def _stands_in_braces(text: ast.JoinedStr, inner: ast.AST) -> bool:
    return any(
        isinstance(each, ast.FormattedValue) and any(inner is one for one in ast.walk(each.value)) for each in text.values
    )


def _is_type(node: ast.expr) -> bool:
    if isinstance(node, ast.Constant):
        return node.value is None
    if isinstance(node, ast.BinOp):
        return _is_type(node.left) and _is_type(node.right)
    if isinstance(node, ast.Subscript):
        return _is_type(node.value)
    return isinstance(node, (ast.Name, ast.Attribute))


def _is_dictionary(node: ast.expr) -> bool:
    """Return whether an expression certainly gives a dictionary."""
    if isinstance(node, ast.Dict):
        return True
    if isinstance(node, ast.Call):
        func = node.func
        return (isinstance(func, ast.Attribute) and func.attr == "knobs") or (isinstance(func, ast.Name) and func.id == "dict")
    return isinstance(node, ast.Attribute) and node.attr == "environ"


def _is_environment(node: ast.expr) -> bool:
    return isinstance(node, ast.Attribute) and node.attr == "env"


def bound_names(nodes: Sequence[ast.AST]) -> set[str]:
    """Return every name that the code itself gives to something."""
    found: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            found.add(node.id)
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            found.add(node.name)
        elif isinstance(node, ast.arg):
            found.add(node.arg)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            found.update(each.asname or each.name.split(".")[0] for each in node.names)
        elif isinstance(node, ast.ExceptHandler) and node.name:
            found.add(node.name)
        elif isinstance(node, (ast.Global, ast.Nonlocal)):
            found.update(node.names)
        elif type(node).__name__ in ("MatchAs", "MatchStar", "MatchMapping"):
            found.update(each for each in (getattr(node, "name", None), getattr(node, "rest", None)) if each)
    return found


def tolerated(nodes: Sequence[ast.AST]) -> Iterator[int]:
    """Yield what stands where an error or another version is reckoned with: in ``try`` and behind a test of the version."""
    for node in nodes:
        if isinstance(node, ast.Try):
            for part in (*node.body, *node.handlers):
                yield from (id(each) for each in ast.walk(part))
        elif isinstance(node, (ast.If, ast.IfExp)) and asks_version(node.test):
            yield from (id(each) for each in ast.walk(node))


@functools.lru_cache(maxsize=1024)
def asks_version(test: ast.expr) -> bool:
    """Return whether a condition asks which version runs it, or what there is in it."""
    words = ("version_info", "version", "NUKE_VERSION_MAJOR", "PY2", "PY3", "hasattr", "find_spec", "NukeVersionMajor")
    for node in ast.walk(test):
        name = node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
        # A variable of that name is the version of a file.
        if (name in words and not (name == "version" and isinstance(node, ast.Name))) or (
            isinstance(node, ast.Constant) and node.value in words
        ):
            return True
    return False
