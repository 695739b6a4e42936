"""Whether Python certainly changes nothing: every name in it is one that reads."""

from __future__ import annotations

import ast
import warnings
from typing import Optional

__all__ = ["only_reads"]


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


#: Functions and constants of Nuke's module that read; ``frame`` without a frame.
_NUKE = _words(
    """
    allNodes selectedNodes selectedNode toNode root exists frame dependentNodes thisNode thisGroup thisRoot thisParent env
    formats layers views channels script_directory getColorspaceList usingOcio scriptName nodeTypes tprint filename
    NUKE_VERSION_STRING NUKE_VERSION_MAJOR NUKE_VERSION_MINOR NUKE_VERSION_RELEASE NUM_CPUS INPUTS HIDDEN_INPUTS EXPRESSIONS
    LINKINPUTS SMOOTH CONSTANT LINEAR CUBIC INVISIBLE DISABLED Node Group Root Viewer BackdropNode Gizmo File_Knob
    Array_Knob Boolean_Knob Enumeration_Knob String_Knob EvalString_Knob Link_Knob PyScript_Knob Tab_Knob Double_Knob
    Int_Knob Knob Channel_Knob Color_Knob AColor_Knob XY_Knob Multiline_Eval_String_Knob Text_Knob
    """
)
_MODULES = _words("re math json collections itertools datetime textwrap statistics string nuke os __future__ typing")
_OS = _words("path sep linesep extsep")
#: Methods and attributes of nodes, knobs, curves, formats, texts and collections that change no script, whoever has them.
_MEMBERS = _words(
    """
    Class name fullName knob knobs allKnobs numKnobs getNumKnobs input inputs maxInputs minInputs maximumInputs
    minimumInputs optionalInput dependencies dependent xpos ypos screenWidth screenHeight width height format bbox
    firstFrame lastFrame frameRange metadata channels hasError treeHasError isSelected nodes output parent rootNode help
    shown clones numNodes getNodes linkableKnobs writeKnobs modified realFps fps proxy layers pixelAspect first last value
    getValue getValueAt valueAt getText toScript isAnimated hasExpression isKey isKeyAt animation animations getNumKeys
    getKeyTime getKeyList getKeyIndex arraySize label tooltip visible enabled node defaultValue notDefault values numValues
    enumName singleValue dimensions getLinkedKnob getLink fullyQualifiedName evaluate getEvaluatedValue getFlag array keys
    size expression constant interpolation x y z r t w h lslope rslope selected join split rsplit splitlines strip lstrip
    rstrip startswith endswith lower upper title capitalize casefold format replace count find rfind index rindex partition
    rpartition zfill ljust rjust center isdigit isalpha isalnum isdecimal isupper islower encode items get append extend
    insert sort reverse setdefault update most_common elements copy union intersection difference issubset issuperset group
    groups groupdict strftime isoformat total_seconds date time year month is_integer removeprefix removesuffix
    """
)
_OF_MODULES = {
    "re": _words("match search fullmatch findall finditer sub split compile escape IGNORECASE MULTILINE DOTALL I M S"),
    "json": _words("dumps loads"),
    "collections": _words("Counter defaultdict OrderedDict namedtuple deque"),
    "datetime": _words("datetime date timedelta now today fromtimestamp"),
    "statistics": _words("mean median mode stdev pstdev fmean variance quantiles"),
    "textwrap": _words("dedent indent wrap fill shorten"),
    "typing": _words("Any Dict List Optional Tuple Set Iterable Union"),
    "path": _words("exists isfile isdir isabs join dirname basename splitext split normpath abspath getsize getmtime sep"),
}
_WHOLE = _words("math itertools string")
_BUILT_INS = _words(
    """
    print len sorted reversed enumerate zip range min max sum abs round any all map filter isinstance issubclass str int
    float bool list dict tuple set frozenset repr format iter next type hasattr id hash divmod ord chr True False None nuke
    Exception ValueError TypeError KeyError NameError AttributeError RuntimeError IndexError StopIteration __name__
    """
)
#: Syntax that hides what is called, or makes things that outlive the script.
_NOT_READ = (ast.ClassDef, ast.AsyncFunctionDef, ast.Await, ast.AsyncFor, ast.AsyncWith, ast.Global, ast.Nonlocal)
_PLAIN = (ast.Dict, ast.List, ast.ListComp, ast.DictComp, ast.Set, ast.SetComp)
_MAKERS = _words("dict list set defaultdict Counter OrderedDict sorted")


def only_reads(code: str) -> bool:
    """Return whether a script certainly changes nothing. What cannot be known counts as a change."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return _Reads(tree).hold()


class _Reads:
    def __init__(self, tree: ast.Module) -> None:
        self._tree = tree
        self._modules: dict[str, str] = {"nuke": "nuke"}
        self._made: dict[str, bool] = {}
        self._bound: set[str] = set()
        self._asked_frames: set[int] = set()
        self._bases: set[int] = set()
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and not node.args and not node.keywords:
                self._asked_frames.add(id(node.func))
            if isinstance(node, ast.Attribute):
                self._bases.add(id(node.value))
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                self._bound.add(node.id)
            elif isinstance(node, ast.arg):
                self._bound.add(node.arg)
                self._made[node.arg] = False
            elif isinstance(node, (ast.FunctionDef, ast.ExceptHandler)) and node.name:
                self._bound.add(node.name)
            if isinstance(node, (ast.Assign, ast.AnnAssign, ast.NamedExpr)):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                for target in targets:
                    for name in ast.walk(target):
                        if isinstance(name, ast.Name) and isinstance(name.ctx, ast.Store):
                            plain = isinstance(target, ast.Name) and _is_own_collection(node.value)
                            self._made[name.id] = self._made.get(name.id, True) and plain
            elif isinstance(node, (ast.For, ast.comprehension, ast.withitem)):
                held = node.optional_vars if isinstance(node, ast.withitem) else node.target
                for name in ast.walk(held) if held is not None else ():
                    if isinstance(name, ast.Name):
                        self._made[name.id] = False

    def hold(self) -> bool:
        """Return whether everything in the script reads."""
        return all(self._reads(node) for node in ast.walk(self._tree))

    def _reads(self, node: ast.AST) -> bool:
        if isinstance(node, _NOT_READ) or type(node).__name__ in ("Match", "TryStar", "TypeAlias"):
            return False
        if isinstance(node, ast.Import):
            return all(self._imported(each.name, each.asname) for each in node.names)
        if isinstance(node, ast.ImportFrom):
            return self._imported_from(node)
        if isinstance(node, ast.FunctionDef):
            return not node.decorator_list and not node.name.startswith("__")
        if isinstance(node, ast.Name):
            # A name of its own hides the built-in; a built-in that is given another meaning is no longer known.
            is_own = node.id in self._bound
            is_known = node.id in _BUILT_INS or node.id in self._modules
            is_module = "." not in self._modules.get(node.id, ".")
            if is_module and id(node) not in self._bases:
                # Under another name its functions would pass for methods.
                return False
            return is_own != is_known if isinstance(node.ctx, ast.Load) else not is_known
        if isinstance(node, ast.Attribute) and node.attr == "frame" and id(node) not in self._asked_frames:
            # With a number it goes to that frame.
            return False
        if isinstance(node, ast.Attribute):
            return isinstance(node.ctx, ast.Load) and self._member(node)
        if isinstance(node, ast.Subscript):
            own = isinstance(node.value, ast.Name) and self._made.get(node.value.id, False)
            return isinstance(node.ctx, ast.Load) or own
        if isinstance(node, ast.Call):
            return self._call(node)
        return True

    def _imported(self, name: str, asname: Optional[str]) -> bool:
        if name not in _MODULES and name != "os.path":
            return False
        self._modules[asname or name.split(".")[0]] = "path" if asname and name == "os.path" else name.split(".")[0]
        return True

    def _imported_from(self, node: ast.ImportFrom) -> bool:
        module = "path" if node.module == "os.path" else node.module or ""
        if node.level or node.module == "__future__":
            return not node.level
        for each in node.names:
            if module == "os" and each.name == "path":
                self._modules[each.asname or "path"] = "path"
            elif each.name != "*" and self._is_of(module, each.name) and module != "nuke":
                self._modules[each.asname or each.name] = f"{module}.{each.name}"
            else:
                return False
        return True

    @staticmethod
    def _is_of(module: str, name: str) -> bool:
        return not name.startswith("_") and (module in _WHOLE or name in _OF_MODULES.get(module, ()))

    def _member(self, node: ast.Attribute) -> bool:
        if isinstance(node.value, ast.Name) and node.value.id in self._modules and node.value.id not in self._bound:
            module = self._modules[node.value.id]
            if module == "nuke":
                return node.attr in _NUKE
            if module == "os":
                return node.attr in _OS
            if "." not in module:
                return self._is_of(module, node.attr)
        if isinstance(node.value, ast.Attribute) and isinstance(node.value.value, ast.Name) and node.value.attr == "path":
            return node.attr in _OF_MODULES["path"]
        if node.attr == "add":
            return isinstance(node.value, ast.Name) and self._made.get(node.value.id, False)
        return node.attr in _MEMBERS or node.attr in _OF_MODULES["datetime"]

    def _call(self, node: ast.Call) -> bool:
        func = node.func
        if isinstance(func, ast.Name):
            # A parameter or variable may hold any function.
            return func.id not in self._bound or any(
                isinstance(each, ast.FunctionDef) and each.name == func.id for each in self._tree.body
            )
        return isinstance(func, ast.Attribute)


def _is_own_collection(node: Optional[ast.expr]) -> bool:
    """Return whether a value is a collection that the script itself makes."""
    if isinstance(node, _PLAIN):
        return True
    if not isinstance(node, ast.Call):
        return False
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    return name in _MAKERS
