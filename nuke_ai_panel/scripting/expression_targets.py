"""For which knob an expression is: said in the code itself, or in the prose round it."""

from __future__ import annotations

import re

__all__ = ["split_expressions"]

_NODE = r"(?:[A-Za-z_]\w*\.)*[A-Z]\w*?\d+|this|root"
_KNOB = r"[a-z_]\w*"
_OWN = re.compile(rf"((?:{_NODE})\.{_KNOB}(?:\.\w+)?|{_KNOB}(?:\.\w+)?)[ \t]*[:=](?!=)[ \t]*(\S.*)$")
_LIST = re.compile(rf"({_KNOB})[ \t]+\{{\{{(.*?)\}}[ \t]*\}}$")
_COMMENT = re.compile(r"[ \t]*(?:#|//)[ \t]*(.*)$")
_DOTTED = re.compile(rf"\b((?:{_NODE})\.{_KNOB}(?:\.(?:[a-z]|\d))?)\b(?![ \t]*\()")
_OWNED = re.compile(
    rf"\b({_NODE})(?:'s|\u2019s|s'|[ \t]*(?:->|\u2192|>|:|,|/)|(?=[ \t]))[ \t]*(?:the[ \t]+)?({_KNOB}(?:[. "
    rf"](?:[xyzwhrgba]|red|green|blue|alpha))?)\b"
)
_KNOB_OF = re.compile(
    rf"\b(?:the[ \t]+)?({_KNOB}(?:[. ](?:[xyzwhrgba]|red|green|blue|alpha))?)[ \t]+(?:(?:knob|parameter|value|field|"
    rf"slider|property|input field)[ \t]+)?"
    rf"(?:knob[ \t]+)?(?:of|on|in|for|at|von|des|de|du|di|sur|en|auf)[ \t]+(?:the[ \t]+|your[ \t]+)?(?:node[ \t]+)?({_NODE})\b"
)
# A node of any name is one only where it is marked: "U.S.A" and "Grade.The" are prose.
_MARKED_DOTTED = re.compile(
    rf"(?:`|\*\*)((?:[A-Za-z_]\w*\.)*[A-Z_]\w*\.{_KNOB}(?:\.(?:[a-z]|\d))?)(?:`|\*\*)"
    rf"|(?:`|\*\*)([A-Z_]\w*)(?:`|\*\*)(?:'s|\u2019s)?[ \t]+(?:`|\*\*)({_KNOB})(?:`|\*\*)"
    rf"|(?:`|\*\*)({_KNOB})(?:`|\*\*)[ \t]+(?:(?:knob|parameter|slider)[ \t]+)?(?:of|on|in|for)[ \t]+(?:the[ \t]+)?"
    r"(?:node[ \t]+)?(?:`|\*\*)([A-Z_]\w*)(?:`|\*\*)"
)
_NODE_NAME = re.compile(r"\b[A-Z][A-Za-z_]*\d{1,4}\b")
_MARKED = re.compile(rf"(?:`|\*\*)({_KNOB})(?:`|\*\*)")
_MARKUP = re.compile(r"[`*\"\u201c\u201d]+|(?<!\w)'|'(?!\w)")
_NO_KNOB = frozenset(
    str.split(
        "knob node expression the a an this that it value following expressions set use add paste type enter click "
        "right s to one and is are was with as from where which"
    )
)
_CHANNELS = {"red": "r", "green": "g", "blue": "b", "alpha": "a"}


def split_expressions(code: str, before: str, after: str) -> list[tuple[str, str]]:
    """Return the expressions in a block, each with the knob it is for (``"Blur1.size"``), "" where nobody says."""
    lines = [line.strip() for line in code.split("\n") if line.strip()]
    comments = [match.group(1) for match in map(_COMMENT.match, lines) if match]
    bodies = [line for line in lines if not _COMMENT.match(line)]
    near = _spoken(comments) or _spoken([before]) or _spoken([after]) or _apart(before)
    named = [_own(body) for body in bodies]
    if bodies and all(text for _, text in named):
        return [(text, _full(own, near)) for own, text in named]
    return [(" ".join(bodies), near if "." in near else "")]


def _own(body: str) -> tuple[str, str]:
    """Return the knob a line names for itself and the expression after it, "" for both where it names none."""
    in_list = _LIST.match(body)
    if in_list:
        return in_list.group(1), in_list.group(2).strip().strip('"')
    own = _OWN.match(body)
    if own is None:
        return "", ""
    return own.group(1), own.group(2).strip()


def _full(own: str, near: str) -> str:
    """Return the whole name of a knob of which a line names the last part only: ``x`` of ``Transform1.translate``."""
    if "." in own and own.split(".")[0][:1].isupper():
        return own
    if not near:
        return ""
    if "." not in near:
        return f"{near}.{own}"
    node, _, knob = near.partition(".")
    first = own.split(".")[0]
    if knob and first == knob.split(".")[0]:
        return f"{node}.{own}"
    if len(own) == 1 or own in _CHANNELS:
        return f"{node}.{knob.split('.')[0]}.{_CHANNELS.get(own, own)}"
    return f"{node}.{own}"


def _spoken(texts: list[str]) -> str:
    """Return the last knob that is named in prose, "" for none."""
    best: tuple[int, str] = (-1, "")
    for text in texts:
        marked = set(_MARKED.findall(text))
        plain = _MARKUP.sub(" ", text)
        plain = re.sub(r"[ \t]+", " ", plain).replace(" 's", "'s").replace(" \u2019s", "\u2019s")
        for match in _DOTTED.finditer(plain):
            best = max(best, (match.start(), match.group(1)))
        for match in _OWNED.finditer(plain):
            is_apart = match.group()[len(match.group(1))] in " \t"
            if _is_knob(match.group(2), match.group(1), marked, must_exist=is_apart):
                best = max(best, (match.start(), f"{match.group(1)}.{_dotted(match.group(2))}"))
        for match in _KNOB_OF.finditer(plain):
            if _is_knob(match.group(1), match.group(2), marked, must_exist=True):
                best = max(best, (match.start(), f"{match.group(2)}.{_dotted(match.group(1))}"))
    return best[1] or _spoken_of_marked(texts)


def _is_knob(words: str, node: str, marked: set[str], *, must_exist: bool) -> bool:
    """Return whether words name a knob: one that is marked as code, or that nodes of this name usually have."""
    from nuke_ai_panel.nk.catalogue import default_catalogue

    word = words.replace(" ", ".").split(".")[0]
    if word in _NO_KNOB:
        return False
    if not must_exist or word in marked:
        return True
    catalogue = default_catalogue()
    likely = catalogue.resolve(node.split(".")[-1].rstrip("0123456789"))
    return catalogue.mentions_knob(word) if likely is None else catalogue.knob_info(likely, word) is not None


def _spoken_of_marked(texts: list[str]) -> str:
    found = [match for text in texts for match in _MARKED_DOTTED.finditer(text)]
    if not found:
        return ""
    whole, node, knob, knob_of, of_node = found[-1].groups()
    return str(whole or f"{node or of_node}.{knob or knob_of}")


def _apart(before: str) -> str:
    """Return the one node that prose names, with the one knob that is marked as a word of code there; "" for none."""
    nodes = set(_NODE_NAME.findall(before))
    if len(nodes) != 1:
        return ""
    knobs = {word for word in _MARKED.findall(before) if word not in ("knob", "node", "expression")}
    node = nodes.pop()
    return f"{node}.{knobs.pop()}" if len(knobs) == 1 else node


def _dotted(words: str) -> str:
    knob, _, channel = words.replace(" ", ".").partition(".")
    return f"{knob}.{_CHANNELS.get(channel, channel)}" if channel else knob
