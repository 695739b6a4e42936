"""What a piece of code is: its content decides, the tag of a fence only helps where the content leaves it open."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from nuke_ai_panel.scripting.code_cleaning import parse_python
from nuke_ai_panel.scripting.proposal import ProposalKind

__all__ = ["PYTHON_TAGS", "is_risky", "is_work", "kind_of", "names_nuke", "own_names"]

PYTHON_TAGS = frozenset({"python", "py", "python3", "py3", "python2", "pycon", "nukepython", "nuke-python", "ipython"})
_OTHER_TAGS = frozenset(
    str.split(
        "bash sh shell console zsh cmd bat powershell ps1 json jsonc yaml yml xml ini toml csv sql dockerfile "
        "makefile javascript js typescript ts css html output log traceback mermaid latex tex rust go java csharp "
        "cs ruby perl php"
    )
)
_BLINK_TAGS = frozenset({"blink", "blinkscript", "cpp", "c++", "c", "glsl", "hlsl", "opencl", "cl", "cuda"})
_TCL_TAGS = frozenset({"tcl", "nuke-tcl", "nuketcl"})
_EXPRESSION_TAGS = frozenset(
    {"", "text", "txt", "plaintext", "plain", "tcl", "expression", "expr", "nuke", "nuke-expression", "c"}
)
_NAMED_EXPRESSION = frozenset({"expression", "expr", "nuke-expression"})

_NUKE = re.compile(r"\b(?:nuke|nukescripts)[ \t]*\.|\bimport[ \t]+nuke\b|\bfrom[ \t]+nuke")
_NUKE_NAMES = frozenset({"nuke", "nukescripts", "hiero"})
_TRACEBACK = re.compile(r"^[ \t]*(?:Traceback \(most recent call last\):|\w*Error: )", re.MULTILINE)
_SIGNATURE = re.compile(r"[\w.]+\(.*\)[ \t]*->")

_KERNEL = re.compile(r"^[ \t]*kernel[ \t]+\w+[ \t]*:?", re.MULTILINE)
_BLINK = re.compile(
    r"\bImage\w*Kernel\b|\bImage[ \t]*<[ \t]*e(?:Read|Write)|\bePixelWise\b|\beComponentWise\b|\bdefineParam[ \t]*\(|"
    r"\bSampleType\b|\bvoid[ \t]+process[ \t]*\("
)

_NK_HEAD = re.compile(r"^[ \t]*([A-Z]\w[\w.]*)[ \t]*\{[ \t]*$", re.MULTILINE)
_NK_SHORT = re.compile(r"^[ \t]*([A-Z]\w[\w.]*)[ \t]*\{[ \t]*(?:[a-z_]\w*[ \t]+[^;{}]+)?\}[ \t]*$", re.MULTILINE)
_NK_SIGN = re.compile(
    r"^(?:set cut_paste_input \[stack 0\]|push (?:\$\w+|0)|[ \t]*end_group|version \d+\.\d+ v\d+|set [NC][0-9a-f]+ \[stack 0\])"
    r"[ \t]*$|^[ \t]+(?:addUserKnob \{|(?:xpos|ypos|inputs) [-+\d]+[ \t]*$|name \w+[ \t]*$)",
    re.MULTILINE,
)
_NK_KNOB = re.compile(r"[ \t]+(?:[A-Za-z_][\w.]*|\"[^\"]{1,60}\")[ \t]+\S")
_NO_NK = re.compile(r"[;,][ \t]*$|^[ \t]*\w+[ \t]*[:=]")

_TCL_WORD = re.compile(
    r"[ \t]*(?:set|proc|foreach|knob|knobs|knob_default|puts|lappend|incr|selected_nodes|node_delete|select|in|python|"
    r"while|for|"
    r"if|message|push|delete|undo|node_copy|node_paste|connect|inputs|extract|clone|add_format|animation|"
    r"expression)(?=[ \t\[{]|$)"
)
_TCL_STRONG = re.compile(
    r"^[ \t]*foreach[ \t]+\w+[ \t]+[\[$]|\[(?:selected_nodes|nodes|value|knob|expression|stack)\b|^[ \t]*knobs?[ "
    r"\t]+\S+\.\w+[ \t]+\S"
    r"|^[ \t]*proc[ \t]+\w+[ \t]+\{|^[ \t]*set[ \t]+\w+[ \t]+[\[{\"$\w]|^[ \t]*in[ \t]+\S+[ \t]+\{",
    re.MULTILINE,
)
_SHELL = re.compile(
    r"^[ \t]*(?:#!/bin|\$ |(?:sudo|pip3?|export|echo|cd|mkdir|git|ls|chmod|source|curl|apt|brew|conda|fi|done|then|"
    r"esac)\b)|;[ \t]*then\b|\$\(",
    re.MULTILINE,
)

_SETUP = frozenset(
    str.split(
        "addCommand addMenu addSeparator addAction knobDefault addFormat pluginAddPath pluginAppendPath "
        "registerPanel registerWidgetAsPanel addFavoriteDir addToolsetExcludePaths addSequenceFileExtension "
        "addView toolbar setUserPreset knobTooltip addDefaultColorspaceMapper register registerFlipbook "
        "addNodePresetExcludePaths"
    )
)
_ACTING = frozenset(
    str.split(
        "createNode nodePaste delete setValue setValueAt setInput connectInput setExpression setSelected clone "
        "scriptClear scriptOpen scriptReadText scriptReadFile execute render setKeyAt addKnob removeKnob setXYpos "
        "setXpos setYpos fromScript autoplace scriptSave scriptSaveAs message selectAll extractSelected "
        "splaySelectedNodes duplicateSelectedNodes loadToolset invoke"
    )
)
_TOOL_FILE = re.compile(r"\b(?:menu|init)\.py\b")
_CODE_LINE = re.compile(
    r"[ \t]*(?:#|$|[)\]}]|(?:import|from|return|raise|def|class|for|while|with|if|elif|else|try|except|finally|print|pass|break"
    r"|continue|global|lambda|del)\b|[\w.]+(?:\[[^\]\n]{0,200}\][\w.]*|\([^()\n]{0,200}\)[\w.]*)*[ \t]*(?:[-+*/|&%]?=|"
    r"\()|@\w|[\"'])"
)


def kind_of(code: str, tag: str = "", *, around: str = "", asked: bool = False) -> ProposalKind | None:
    """Return what `code` is, None for what is nothing to run or to paste.

    ``tag`` is the language its fence names, ``around`` the prose near it. ``asked``: it came in a call to run code, so that
    Python counts although it does not name ``nuke``.
    """
    text = code.strip()
    if not text or not any(mark.isalnum() for mark in text):
        return None
    tree = parse_python(code)
    if tree is not None and (names_nuke(tree) or (asked and not _is_data(tree))):
        return "tool" if _is_tool(tree, code, tag, around) else "python"
    if _is_blink(text, tag):
        return "blink"
    nk = _nk_kind(code)
    if nk is not None:
        return nk
    if _is_python(text, tag, tree is not None):
        return "python"
    if tag in _OTHER_TAGS or _TRACEBACK.search(text):
        return None
    if tree is None and _is_tcl(text, tag):
        return "tcl"
    if _is_expression(text, tag, around) or (tag in _NAMED_EXPRESSION and _may_be_expression(text)):
        return "expression"
    return None


def _may_be_expression(text: str) -> bool:
    """Return whether what the model calls an expression is shown as one although it cannot be read."""
    lines = [line for line in text.split("\n") if line.strip()]
    return len(text) <= 1_000 and len(lines) <= 4 and not all(line.lstrip().startswith(("#", "//")) for line in lines)


def own_names(tree: ast.Module) -> tuple[frozenset[str], frozenset[str]]:
    """Return the names a script binds at its top, and those it reads anywhere without binding them anywhere."""
    bound: set[str] = set()
    read: set[str] = set()
    anywhere: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            (read if isinstance(node.ctx, ast.Load) else anywhere).add(node.id)
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            anywhere.add(node.name)
        elif isinstance(node, ast.arg):
            anywhere.add(node.arg)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            anywhere.update((each.asname or each.name).split(".")[0] for each in node.names)
        elif isinstance(node, ast.ExceptHandler) and node.name:
            anywhere.add(node.name)
    for statement in tree.body:
        if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            bound.add(statement.name)
            continue
        for node in ast.walk(statement):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                bound.add(node.id)
            elif isinstance(node, (ast.Import, ast.ImportFrom)):
                bound.update((each.asname or each.name).split(".")[0] for each in node.names)
    return frozenset(bound), frozenset(read - anywhere)


def names_nuke(tree: ast.Module) -> bool:
    """Return whether Python speaks of Nuke's modules."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id in _NUKE_NAMES:
            return True
        if isinstance(node, ast.Import) and any(each.name.split(".")[0] in _NUKE_NAMES for each in node.names):
            return True
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in _NUKE_NAMES:
            return True
    return False


def is_work(code: str) -> bool:
    """Return whether code is Python that does something, whatever it is about."""
    tree = parse_python(code)
    return tree is not None and not _is_data(tree)


def is_risky(code: str) -> bool:
    """Return whether code is Python that does what an artist is warned of: it writes files, starts programs, and the like."""
    from nuke_ai_panel.scripting.effects import find_effects

    tree = parse_python(code)
    return tree is not None and any(effect.is_warning for effect in find_effects(tree))


def _is_data(tree: ast.Module) -> bool:
    """Return whether there are only values in it: a text, a list, a dictionary, a name."""
    return all(
        isinstance(each, ast.Expr) and not any(isinstance(node, ast.Call) for node in ast.walk(each)) for each in tree.body
    )


def _is_python(text: str, tag: str, is_sound: bool) -> bool:
    """Return whether it was meant as Python for Nuke although it is not quite Python."""
    if not _NUKE.search(text) or is_sound or tag in _OTHER_TAGS:
        return False
    lines = [line for line in text.split("\n") if line.strip()]
    if _TRACEBACK.match(text) or all(_SIGNATURE.search(line[:400]) or line.lstrip().startswith("#") for line in lines):
        return False
    likely = sum(1 for line in lines if _CODE_LINE.match(line[:400]) or line[:1] in " \t")
    return likely * (2 if tag in PYTHON_TAGS else 3) >= len(lines) * (1 if tag in PYTHON_TAGS else 2)


def _is_tool(tree: ast.Module, code: str, tag: str, around: str) -> bool:
    """Return whether it sets a session up: menus, defaults, formats, paths, callbacks, and nothing that works on the script."""
    setup = acting = False
    own = {each.name for each in tree.body if isinstance(each, (ast.FunctionDef, ast.AsyncFunctionDef))}
    for call in _calls_at_top(tree):
        name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
        on_nuke = isinstance(call.func, ast.Attribute) and getattr(call.func.value, "id", "") in _NUKE_NAMES
        if (
            name in _SETUP
            or (on_nuke and name.startswith("add") and name[3:4].isupper() and name != "addView")
            or (on_nuke and name == "menu")
        ):
            setup = True
        elif name in _ACTING or name in own:
            acting = True
    if acting:
        return False
    if setup:
        return True
    only_defines = all(
        isinstance(each, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom, ast.Assign))
        or (isinstance(each, ast.Expr) and isinstance(each.value, ast.Constant))
        for each in tree.body
    )
    return only_defines and bool(_TOOL_FILE.search(code) or _TOOL_FILE.search(around[-400:]) or _TOOL_FILE.search(tag))


def _calls_at_top(tree: ast.Module) -> Iterator[ast.Call]:
    """Yield the calls that are made when the code is read, those inside of functions and classes left out."""
    waiting: list[ast.AST] = list(tree.body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            continue
        if isinstance(node, ast.Call):
            yield node
        waiting.extend(ast.iter_child_nodes(node))


def _is_blink(text: str, tag: str) -> bool:
    if _KERNEL.search(text) and (_BLINK.search(text) or "{" in text):
        return _BLINK.search(text) is not None or tag in _BLINK_TAGS
    signs = set(_BLINK.findall(text))
    return len(signs) >= (1 if tag in ("blink", "blinkscript") else 2) and "{" in text


def _nk_kind(code: str) -> ProposalKind | None:
    if "{" not in code or not (_NK_HEAD.search(code) or _NK_SHORT.search(code) or _NK_SIGN.search(code)):
        return None
    signs = len(_NK_SIGN.findall(code))
    heads = len(_NK_HEAD.findall(code))
    inner = odd = knobs = 0
    for line in code.split("\n"):
        head = line[:300]
        if not head.strip():
            continue
        if head[0] in " \t":
            inner += 1
            knobs += _NK_KNOB.match(head) is not None
            odd += _NO_NK.search(head) is not None
    if not heads:
        short = len(_NK_SHORT.findall(code))
        if not signs and not short:
            return None
        lines = [line for line in code.split("\n") if line.strip() and not line.lstrip().startswith("#")]
        if not signs and short < len(lines):
            return None
    elif (not signs and (odd * 2 > inner or not knobs)) or (signs == 1 and odd * 2 > inner):
        return None
    return "gizmo" if _is_one_group(code) else "nk"


def _is_one_group(code: str) -> bool:
    if not re.search(r"^[ \t]*(?:Group|Gizmo|LiveGroup|VariableGroup)[ \t]*\{", code, re.MULTILINE):
        return False
    from nuke_ai_panel import nk
    from nuke_ai_panel.errors import NkError

    try:
        document = nk.loads(code.encode("utf-8", "surrogateescape"), recover=True)
    except (NkError, ValueError):
        return False
    nodes = document.nodes()
    return any(node.class_name == "Gizmo" for node in nodes) or (len(nodes) == 1 and nodes[0].is_group)


def _is_tcl(text: str, tag: str) -> bool:
    if _SHELL.search(text):
        return False
    lines = [line for line in text.split("\n") if line.strip() and not line.lstrip().startswith("#")]
    if not lines:
        return False
    words = sum(1 for line in lines if _TCL_WORD.match(line) or line.strip()[:1] == "}")
    strong = len(_TCL_STRONG.findall(text))
    if tag in _TCL_TAGS:
        return words > 0 and (words > 1 or strong > 0 or not _starts_as_expression(lines[0]))
    if tag not in _EXPRESSION_TAGS:
        return False
    return strong >= 1 and (strong >= 2 or words * 2 >= len(lines)) and _TCL_WORD.match(lines[0]) is not None


def _starts_as_expression(line: str) -> bool:
    return line.lstrip()[:1] == "["


_SPOKEN = re.compile(
    r"\b(?:expressions?|formula|expr|ausdr(?:u|\u00fc)ck\w*|formel|espressione|expresi(?:o|\u00f3)n|f(?:o|\u00f3)rmula|formule"
    r"|express(?:a|\u00e3)o|\u0432\u044b\u0440\u0430\u0436\u0435\u043d\u0438\w*)\b"
    # Japanese, Chinese and Korean have no blanks round the word.
    r"|\u5f0f|\u8868\u8fbe\u5f0f|\u30a8\u30af\u30b9\u30d7\u30ec\u30c3\u30b7\u30e7\u30f3|\ud45c\ud604\uc2dd|\uc218\uc2dd",
    re.IGNORECASE,
)
_WORK = re.compile(r"[-+*/<>?%^!=]|\w\(|\w\.\w|\[|^frame$|^t$")
_TARGETED = re.compile(r"(?:#|//)?[ \t]*[A-Za-z_][\w.]*[ \t]*[:=](?!=)[ \t]*\S")
_LIST_LINE = re.compile(r"[A-Za-z_][\w.]*[ \t]+\{\{.*\}[ \t]*\}?$")


def _is_expression(text: str, tag: str, around: str) -> bool:
    from nuke_ai_panel.nk.expressions import syntax
    from nuke_ai_panel.nk.expressions.results import ExpressionStopped

    spoken = _SPOKEN.search(around) is not None
    if tag not in _EXPRESSION_TAGS and not (tag in PYTHON_TAGS and spoken):
        return False
    lines = [line.strip() for line in text.split("\n") if line.strip()]
    if len(text) > 4_000 or len(lines) > 8 or (not spoken and tag not in (*_NAMED_EXPRESSION, "tcl")):
        return False
    bodies = [line for line in lines if not line.startswith(("#", "//"))]
    if not bodies:
        return False
    each_alone = all(_TARGETED.match(line) or _LIST_LINE.match(line) for line in bodies)
    for body in bodies if each_alone and len(bodies) > 1 else [" ".join(bodies)]:
        match = _LIST_LINE.match(body)
        if match is not None:
            continue
        target = _TARGETED.match(body)
        shown = body.split(":" if ":" in body[: target.end()] else "=", 1)[1].strip() if target else body
        if not _WORK.search(shown) or not any(mark.isalpha() or mark == "[" for mark in shown):
            return False
        try:
            syntax.parse(shown)
        except ExpressionStopped:
            return False
    return True
