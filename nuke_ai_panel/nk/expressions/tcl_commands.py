"""Tcl commands that work on nothing but their arguments: lists, strings, file names, regular expressions."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Mapping, Sequence

from nuke_ai_panel.nk.expressions.results import ExpressionStopped, NotSimulated, SyntaxProblem

__all__ = ["COMMANDS", "NOT_SIMULATED", "number_or_none", "split_list"]

#: Commands of Nuke and Tcl that are told apart from misspelt ones, with what they would need.
NOT_SIMULATED: Mapping[str, str] = {
    "python": "Python in a knob is never run",
    "pyrs": "Python in a knob is never run",
    "py": "Python in a knob is never run",
    "pyexec": "Python in a knob is never run",
    "metadata": "metadata come from the image files",
    "sample": "pixels are not rendered",
    "channels": "channels come from the image files",
    "date": "the date changes",
    "clock": "the time changes",
    "getenv": "the environment is that of Nuke",
    "env": "the environment is that of Nuke",
    "plugins": "plug-ins are those of Nuke",
    "animation": "it changes the script",
    "knob_default": "it changes the session",
    "proc": "procedures are not defined here",
    "variable": "variables of a session are not kept",
    "view": "views are those of the session",
    "frames": "frames of a render are not known",
    "exec": "no programs are started",
    "open": "no files are opened",
    "source": "no files are read",
    "eval": "text that is made up is not run",
    "while": "loops are not run",
    "for": "loops are not run",
    "foreach": "loops are not run",
    "switch": "it is not simulated",
    "attribute": "it is not simulated",
    "scenegraph": "it is not simulated",
    "setenv": "it changes the session",
    "nodes": "it is not simulated",
    "selected_nodes": "it is not simulated",
    "knobs": "it is not simulated",
    "in": "it is not simulated",
    "global": "variables of a session are not kept",
}
_MAX_TEXT = 100_000
_LIST_WORD = re.compile(r"\s*(?:\{|\"|\S)")
# A repetition or a choice that is repeated itself may take for ever; others cost a power of the text's length.
_RISKY = re.compile(r"[+*}?|][^()]*\)+[+*{]|\)\)+[+*{]")
_REPEATED = re.compile(r"(?<!\\)[*+{]")
_MAX_WORK = 50_000_000
_LONG_NUMBER = 300
_CONVERSION = re.compile(r"%(?:%|([-+ 0#]*\d*(?:\.\d+)?)l?([diouxXeEfgGsc]))")


def number_or_none(text: object) -> float | None:
    """Return a text as a number, an int where it is written as one; None for anything else."""
    if isinstance(text, (int, float)):
        return text
    if not isinstance(text, str) or "_" in text:
        return None
    if len(text) > _LONG_NUMBER:
        # Python is slow to read it as an int, and no float is as large.
        try:
            return float(text)
        except ValueError:
            return None
    try:
        return int(text, 0) if text.strip().lstrip("+-")[:2].lower() == "0x" else int(text)
    except ValueError:
        try:
            return float(text)
        except ValueError:
            return None


def split_list(text: str) -> list[str]:
    """Split a Tcl list into its elements, braces and quotes taken off."""
    found: list[str] = []
    pos, size = 0, len(text)
    while pos < size:
        if text[pos].isspace():
            pos += 1
        elif text[pos] == "{":
            depth, start = 0, pos + 1
            while pos < size:
                depth += {"{": 1, "}": -1}.get(text[pos], 0)
                pos += 2 if text[pos] == "\\" else 1
                if not depth:
                    break
            found.append(text[start : pos - 1])
        elif text[pos] == '"':
            end = text.find('"', pos + 1)
            end = size if end < 0 else end
            found.append(text[pos + 1 : end])
            pos = end + 1
        else:
            start = pos
            while pos < size and not text[pos].isspace():
                pos += 2 if text[pos] == "\\" else 1
            found.append(re.sub(r"\\(.)", r"\1", text[start:pos]))
    return found


def _joined(items: Sequence[str]) -> str:
    return " ".join("{" + item + "}" if not item or any(c in item for c in ' \t\n;"[]{}$\\') else item for item in items)


def _index(text: str, size: int) -> int:
    match = re.match(r"(end|-?\d+)\s*([+-]\s*\d+)?\Z", text.strip())
    if match is None:
        raise _usage(f"{text!r} is no index")
    base = size - 1 if match.group(1) == "end" else int(match.group(1))
    return base + int((match.group(2) or "0").replace(" ", ""))


def _usage(message: str) -> ExpressionStopped:
    return ExpressionStopped(SyntaxProblem(message, 1))


def _lindex(args: Sequence[str]) -> str:
    found = args[0]
    for index in args[1:]:
        items = split_list(found)
        at = _index(index, len(items))
        found = items[at] if 0 <= at < len(items) else ""
    return found


def _lrange(args: Sequence[str]) -> str:
    items = split_list(args[0])
    first, last = max(_index(args[1], len(items)), 0), _index(args[2], len(items))
    return _joined(items[first : last + 1]) if last >= first else ""


def _lsearch(args: Sequence[str]) -> str:
    options, (text, pattern) = args[:-2], args[-2:]
    for at, item in enumerate(split_list(text)):
        if "-regexp" in options:
            hit = _compiled(pattern, [], item).search(item) is not None
        elif "-exact" in options:
            hit = item == pattern
        else:
            hit = _matches(item, pattern)
        if hit:
            return str(at)
    return "-1"


def _split(args: Sequence[str]) -> str:
    text, marks = args[0], args[1] if len(args) > 1 else " \t\n"
    if not marks:
        return _joined(list(text))
    items, start = [], 0
    for at, mark in enumerate(text):
        if mark in marks:
            items.append(text[start:at])
            start = at + 1
    return _joined([*items, text[start:]]) if text else ""


def _string(args: Sequence[str]) -> str:
    what, rest = args[0], list(args[1:])
    text = rest[-1] if rest else ""
    if what in ("tolower", "toupper", "totitle"):
        lower, upper, title = text.lower(), text.upper(), text[:1].upper() + text[1:].lower()
        return {"tolower": lower, "toupper": upper, "totitle": title}[what]
    if what == "length":
        return str(len(text))
    if what in ("trim", "trimleft", "trimright"):
        marks = rest[1] if len(rest) > 1 else None
        return {"trim": rest[0].strip, "trimleft": rest[0].lstrip, "trimright": rest[0].rstrip}[what](marks)
    if what == "index":
        at = _index(rest[1], len(rest[0]))
        return rest[0][at] if 0 <= at < len(rest[0]) else ""
    if what == "range":
        first, last = max(_index(rest[1], len(rest[0])), 0), _index(rest[2], len(rest[0]))
        return rest[0][first : last + 1] if last >= first else ""
    if what == "replace":
        first, last = max(_index(rest[1], len(rest[0])), 0), _index(rest[2], len(rest[0]))
        return rest[0][:first] + (rest[3] if len(rest) > 3 else "") + rest[0][last + 1 :]
    if what in ("equal", "compare"):
        one, other = rest[-2:]
        if "-nocase" in rest[:-2]:
            one, other = one.lower(), other.lower()
        return str(int(one == other)) if what == "equal" else str((one > other) - (one < other))
    if what == "match":
        return str(int(_matches(text, rest[-2])))
    if what == "first":
        return str(rest[1].find(rest[0]))
    if what == "last":
        return str(rest[1].rfind(rest[0]))
    if what == "repeat":
        times = int(rest[1])
        if times * len(rest[0]) > _MAX_TEXT:
            raise _usage("the text gets too long")
        return rest[0] * times
    if what == "map":
        return _mapped(split_list(rest[-2]), text)
    raise ExpressionStopped(NotSimulated(f"string {what}", f"The Tcl command 'string {what}' is not simulated."))


def _mapped(pairs: Sequence[str], text: str) -> str:
    made, pos = [], 0
    while pos < len(text):
        for old, new in zip(pairs[::2], pairs[1::2]):
            if old and text.startswith(old, pos):
                made.append(new)
                pos += len(old)
                break
        else:
            made.append(text[pos])
            pos += 1
    return "".join(made)


def _file(args: Sequence[str]) -> str:
    what, name = args[0], args[1] if len(args) > 1 else ""
    trimmed = name.rstrip("/") if name != "/" else name
    folder, slash, tail = trimmed.rpartition("/")
    stem, dot, ending = tail.rpartition(".")
    if what == "tail":
        return tail
    if what == "dirname":
        return folder or ("/" if slash else ".")
    if what == "extension":
        return dot + ending if dot else ""
    if what == "rootname":
        return (folder + slash + stem) if dot else trimmed
    if what == "join":
        made = ""
        for part in args[1:]:
            made = part if part.startswith("/") or not made else made.rstrip("/") + "/" + part
        return made
    if what == "split":
        return _joined([*(["/"] if name.startswith("/") else []), *[part for part in name.split("/") if part]])
    raise ExpressionStopped(NotSimulated(f"file {what}", f"'file {what}' would look at the disk of the session."))


def _format(args: Sequence[str]) -> str:
    values = iter(args[1:])

    def one(match: re.Match[str]) -> str:
        if match.group() == "%%":
            return "%"
        flags, kind = match.group(1), match.group(2)
        if any(len(width) > 3 for width in re.findall(r"[1-9]\d*", flags)):
            raise _usage("the width is too large")
        value = next(values, None)
        if value is None:
            raise _usage("'format' has fewer values than its text asks for")
        if kind == "s":
            return f"%{flags}s" % value
        number = number_or_none(value)
        if number is None or number != number or number in (float("inf"), float("-inf")):
            raise _usage(f"'format' expected a number, not {value!r}")
        if kind == "c":
            return chr(int(number) % 0x110000)
        return f"%{flags}{kind}" % (number if kind in "eEfgG" else int(number))

    return _CONVERSION.sub(one, args[0])


def _matches(text: str, pattern: str) -> bool:
    _check_work("string match", pattern.count("*"), text)
    return fnmatch.fnmatchcase(text, pattern)


def _check_work(what: str, repeated: int, text: str) -> None:
    if (len(text) + 1) ** min(repeated, 8) > _MAX_WORK:
        raise ExpressionStopped(NotSimulated(what, f"The pattern for {what!r} could take too long on a text of this length."))


def _compiled(pattern: str, options: Sequence[str], text: str) -> re.Pattern[str]:
    if _RISKY.search(pattern) or len(pattern) > 1000:
        raise ExpressionStopped(NotSimulated("regexp", "A regular expression that repeats a repetition is not tried."))
    _check_work("regexp", len(_REPEATED.findall(pattern)), text)
    translated = pattern.replace("[[:digit:]]", "[0-9]").replace("[[:space:]]", r"\s").replace("[[:alpha:]]", "[A-Za-z]")
    try:
        return re.compile(translated, re.IGNORECASE if "-nocase" in options else 0)
    except re.error as error:
        raise _usage(f"the regular expression {pattern!r} cannot be read: {error}") from None


def _options(args: Sequence[str]) -> tuple[list[str], list[str]]:
    options: list[str] = []
    rest = list(args)
    while rest and rest[0].startswith("-") and len(rest) > 1:
        option = rest.pop(0)
        if option == "--":
            break
        options.append(option)
    return options, rest


def _regsub(args: Sequence[str]) -> str:
    options, rest = _options(args)
    if len(rest) != 3:
        raise ExpressionStopped(NotSimulated("regsub", "'regsub' into a variable is not simulated."))
    pattern, text, new = rest

    def put(match: re.Match[str]) -> str:
        def piece(mark: re.Match[str]) -> str:
            if mark.group() == "&":
                return match.group()
            number = mark.group(1)
            if not number.isdecimal():
                return number
            return (match.group(int(number)) or "") if int(number) <= len(match.groups()) else ""

        return re.sub(r"&|\\(.)", piece, new)

    return _compiled(pattern, options, text[:_MAX_TEXT]).sub(put, text[:_MAX_TEXT], count=0 if "-all" in options else 1)


def _regexp(args: Sequence[str]) -> str:
    options, rest = _options(args)
    pattern, text = rest[0], rest[1]
    found = list(_compiled(pattern, options, text[:_MAX_TEXT]).finditer(text[:_MAX_TEXT]))
    if "-inline" in options:
        hits = found if "-all" in options else found[:1]
        return _joined([part or "" for hit in hits for part in (hit.group(), *hit.groups())])
    if len(rest) > 2:
        raise ExpressionStopped(NotSimulated("regexp", "'regexp' into a variable is not simulated."))
    return str(len(found)) if "-all" in options else str(int(bool(found)))


def _concat(args: Sequence[str]) -> str:
    return " ".join(part for part in (arg.strip() for arg in args) if part)


#: Name to the command and the fewest arguments it takes.
COMMANDS: Mapping[str, tuple[Callable[[Sequence[str]], str], int]] = {
    "lindex": (_lindex, 1),
    "lrange": (_lrange, 3),
    "llength": (lambda args: str(len(split_list(args[0]))), 1),
    "lsearch": (_lsearch, 2),
    "list": (_joined, 0),
    "concat": (_concat, 0),
    "join": (lambda args: (args[1] if len(args) > 1 else " ").join(split_list(args[0])), 1),
    "split": (_split, 1),
    "string": (_string, 2),
    "file": (_file, 1),
    "basename": (lambda args: _file(["tail", args[0]]), 1),
    "dirname": (lambda args: _file(["dirname", args[0]]), 1),
    "format": (_format, 1),
    "regsub": (_regsub, 3),
    "regexp": (_regexp, 2),
    "return": (lambda args: args[0] if args else "", 0),
}
