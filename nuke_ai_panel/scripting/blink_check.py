"""Preflight of a BlinkScript kernel: is it built as one, and is it Blink that it is written in. Nothing is compiled."""

from __future__ import annotations

import bisect
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from nuke_ai_panel.nk.catalogue_suggest import closest
from nuke_ai_panel.scripting.effects import Effect
from nuke_ai_panel.scripting.findings import Finding, Preflight
from nuke_ai_panel.scripting.named_findings import found_node, node_finding, ordered
from nuke_ai_panel.scripting.proposal import ScriptProposal
from nuke_ai_panel.scripting.surroundings import Surroundings

__all__ = ["check"]

_COMMENTS = re.compile(r"//[^\n]*|/\*.*?(?:\*/|\Z)|\"(?:[^\"\\\n]|\\.)*\"", re.DOTALL)
_KERNEL = re.compile(r"\bkernel\s+(\w+)\s*(?::\s*(?:public\s+)?(\w+)\s*(?:<\s*(\w*)\s*>)?)?")
_GRANULARITIES = ("ePixelWise", "eComponentWise")
_READS = ("eRead", "eWrite", "eReadWrite")
_ACCESSES = ("eAccessPoint", "eAccessRandom", "eAccessRanged1D", "eAccessRanged2D")
_EDGES = ("eEdgeClamped", "eEdgeConstant", "eEdgeNone")
_IMAGE = re.compile(r"\bImage\s*<([^<>]*)>\s*(\w+)\s*(;?)")
_SECTION = re.compile(r"\b(params?|locals?)\s*:(?!:)")
_ENDS_SECTION = re.compile(r"\b(?:params?|locals?)\s*:(?!:)|\b(?:inline\s+)?[\w]+\s+\w+\s*\(")
_DECLARED = re.compile(
    r"([A-Za-z_]\w*(?:\s+[A-Za-z_]\w*)??)\s+([A-Za-z_]\w*(?:\s*\[[^\]]*\])*(?:\s*,\s*[A-Za-z_]\w*)*)\s*(=[^;\n]*)?(;|(?=\n))"
)
_FUNCTION = re.compile(r"(?:(\w[\w ]*?)\s+)?\b(define|init|process)\s*\(([^()]*)\)\s*(?:const\s*)?\{")
_OWN_FUNCTION = re.compile(r"\b\w+\s+([A-Za-z_]\w*)\s*\([^()]*\)\s*(?:const\s*)?\{")
_PARAM_CALL = re.compile(r"\bdefineParam\s*\(")
_SAMPLE = re.compile(r"\b(?:SampleType|ValueType)\s*\(\s*(\w+)\s*\)")
_TYPES = frozenset(
    str.split(
        "bool int int2 int3 int4 float float2 float3 float4 float3x3 float4x4 float2x2 double uint unsigned char short "
        "long void "
        "const inline static recti rectf ImageKernel"
    )
)
#: Words of shader languages and of C++, and what Blink calls it, "" where it has nothing of the kind.
_FOREIGN = {
    "vec2": "float2",
    "vec3": "float3",
    "vec4": "float4",
    "ivec2": "int2",
    "ivec3": "int3",
    "ivec4": "int4",
    "mat3": "float3x3",
    "mat4": "float4x4",
    "half": "float",
    "half3": "float3",
    "half4": "float4",
    "color": "float3",
    "sampler2D": "Image<eRead>",
    "texture2D": "src(x, y)",
    "texture": "src(x, y)",
    "tex2D": "src(x, y)",
    "texelFetch": "src(x, y)",
    "gl_FragColor": "dst()",
    "gl_FragCoord": "pos, the argument of process(int2 pos)",
    "fragColor": "dst()",
    "fragCoord": "pos, the argument of process(int2 pos)",
    "iResolution": "src.bounds",
    "uniform": "param:",
    "varying": "",
    "precision": "",
    "SV_Target": "dst()",
    "__global": "",
    "__kernel": "kernel",
    "get_global_id": "pos, the argument of process(int2 pos)",
}
#: Functions of shader languages that Blink does not have; many kernels write them themselves.
_NO_FUNCTIONS = {
    "mix": "a + (b - a) * t",
    "lerp": "a + (b - a) * t",
    "saturate": "clamp(x, 0.0f, 1.0f)",
    "fract": "x - floor(x)",
    "frac": "x - floor(x)",
    "smoothstep": "t * t * (3.0f - 2.0f * t) of a clamped t",
    "mod": "fmod(x, y)",
    "inversesqrt": "1.0f / sqrt(x)",
    "printf": "",
    "malloc": "",
    "discard": "",
}
_BRACES = re.compile(r"[{}]")
_ROUND = re.compile(r"[()]")
_MOST_CALLS = 200
_PAIRS = {")": "(", "]": "[", "}": "{"}


def check(proposal: ScriptProposal, surroundings: Surroundings) -> Preflight:
    """Read a kernel; the node it is for is looked up in the script in `surroundings`. Nothing is compiled or run."""
    kernel = _Kernel(proposal.code.replace("\r\n", "\n"))
    found = list(_damage(kernel)) or [*_structure(kernel), *_words(kernel)]
    target = proposal.target
    if target:
        wrong = node_finding(surroundings, target, 0, 0)
        node = found_node(surroundings, target)
        if wrong is not None:
            found.append(wrong)
        elif node is not None and node.class_name != "BlinkScript":
            found.append(
                Finding(f"{target} is a {node.class_name}, not a BlinkScript.", "problem", "unknown-node", 0, 0, target)
            )
        return Preflight(ordered(found), (Effect("changes knobs", (1,), f"{target}.kernelSource"),))
    return Preflight(ordered(found), (Effect("creates nodes", (1,), "BlinkScript"),))


@dataclass
class _Kernel:
    """The text of a kernel, and the same with comments and texts blanked out, so that all places are those of the text."""

    text: str
    bare: str = ""
    images: dict[str, tuple[str, str]] = field(default_factory=dict)
    params: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.bare = _COMMENTS.sub(lambda match: re.sub(r"[^\n]", " ", match.group()), self.text)
        self._lines = [0, *(match.end() for match in re.finditer("\n", self.text))]

    def place(self, offset: int) -> tuple[int, int]:
        line = bisect.bisect_right(self._lines, offset)
        return line, offset - self._lines[line - 1] + 1

    def finding(self, text: str, offset: int, name: str = "", suggestion: str = "", *, rule: str = "structure") -> Finding:
        return Finding(text, "problem", rule, *self.place(offset), name, suggestion)

    def warning(self, text: str, offset: int, name: str = "", suggestion: str = "") -> Finding:
        return Finding(text, "warning", "structure", *self.place(offset), name, suggestion)


def _damage(kernel: _Kernel) -> Iterator[Finding]:
    waiting: list[tuple[str, int]] = []
    for match in re.finditer(r"[()\[\]{}]", kernel.bare):
        mark = match.group()
        if mark in "([{":
            waiting.append((mark, match.start()))
        elif waiting and waiting[-1][0] == _PAIRS[mark]:
            waiting.pop()
        else:
            text = f"This {mark!r} closes nothing."
            offset = match.start()
            if waiting:
                text, offset = f"This {waiting[-1][0]!r} is not closed before the {mark!r} that follows it.", waiting[-1][1]
            yield Finding(text, "fatal", "syntax", *kernel.place(offset))
            return
    if waiting:
        mark, offset = waiting[0]
        yield Finding(f"This {mark!r} is not closed.", "fatal", "syntax", *kernel.place(offset))


def _structure(kernel: _Kernel) -> Iterator[Finding]:
    head = _KERNEL.search(kernel.bare)
    if head is None:
        text = "There is no kernel in it. It begins with: kernel Name : ImageComputationKernel<ePixelWise>"
        yield kernel.finding(text, 0, "kernel")
        return
    name, base, granularity = head.groups()
    if not base:
        yield kernel.finding(
            f"The kernel {name} has no ': ImageComputationKernel<ePixelWise>' behind its name.", head.start(), name
        )
    elif base in ("ImageRollingKernel", "ImageReductionKernel"):
        text = f"A BlinkScript node runs an ImageComputationKernel, not an {base}."
        yield kernel.finding(text, head.start(2), base, "ImageComputationKernel")
    elif base != "ImageComputationKernel":
        near = next(iter(closest(base, ["ImageComputationKernel"])), "ImageComputationKernel")
        yield kernel.finding(f"There is no {base}; did you mean {near}?", head.start(2), base, near)
    if base and granularity not in _GRANULARITIES:
        said = f"{granularity!r} is not" if granularity else "Nothing says"
        near = _near(granularity or "", _GRANULARITIES) or "ePixelWise"
        text = (
            f"{said} how the kernel goes over the picture; write <{near}>."
            if not granularity
            else (f"{said} how a kernel goes over a picture; did you mean {near}?")
        )
        yield kernel.finding(text, head.start(), granularity or "", near)
    second = _KERNEL.search(kernel.bare, head.end())
    if second is not None:
        yield kernel.warning(
            "There is more than one kernel in it; a BlinkScript node runs one.", second.start(), second.group(1)
        )
    open_brace = kernel.bare.find("{", head.end())
    if open_brace < 0:
        yield kernel.finding(f"The kernel {name} has no body in braces.", head.start(), name)
        return
    close = _closing(kernel.bare, open_brace)
    if not re.match(r"\s*;", kernel.bare[close + 1 :]):
        yield kernel.warning("Behind the last brace of the kernel stands no ';'.", close)
    body = (open_brace + 1, close)
    yield from _images(kernel, *body)
    yield from _sections(kernel, *body)
    yield from _functions(kernel, granularity or "", *body)
    yield from _params(kernel, *body)
    yield from _accesses(kernel, *body)


def _near(word: str, choices: tuple[str, ...]) -> str:
    return next(iter(closest(word, choices)), "")


def _closing(text: str, start: int) -> int:
    depth = 0
    for match in _BRACES.finditer(text, start):
        depth += 1 if match.group() == "{" else -1
        if not depth:
            return match.start()
    return len(text)


def _images(kernel: _Kernel, start: int, end: int) -> Iterator[Finding]:
    writes = False
    for match in _IMAGE.finditer(kernel.bare, start, end):
        words = [word.strip() for word in match.group(1).split(",")]
        access = "eAccessPoint"
        for number, word in enumerate(words):
            known = _READS if number == 0 else (*_ACCESSES, *_EDGES)
            if word in known:
                access = word if word in _ACCESSES else access
                continue
            near = _near(word, known)
            offset = match.start(1) + max(match.group(1).find(word), 0)
            what = "eRead, eWrite or eReadWrite" if number == 0 else "an access or edge mode"
            hint = f"; did you mean {near}?" if near else f"; write {', '.join(known)}."
            yield kernel.finding(f"{word!r} is not {what}{hint}", offset, word, near, rule="unknown-value")
        kernel.images[match.group(2)] = (words[0], access)
        writes = writes or words[0] in ("eWrite", "eReadWrite")
        if not match.group(3):
            yield kernel.finding(f"Behind {match.group(2)} stands no ';'.", match.end(2) - 1, match.group(2), rule="syntax")
    if not writes:
        yield kernel.finding("No image is written: it needs one such as Image<eWrite> dst;", start, "dst")


def _sections(kernel: _Kernel, start: int, end: int) -> Iterator[Finding]:
    own_types = set(re.findall(r"\b(?:struct|typedef\s+\w+)\s+(\w+)", kernel.bare))
    for section in _SECTION.finditer(kernel.bare, start, end):
        word = section.group(1)
        if word in ("params", "locals"):
            yield kernel.finding(f"The section is called {word[:-1]!r}, not {word!r}.", section.start(), word, word[:-1])
        stop = _ENDS_SECTION.search(kernel.bare, section.end(), end)
        last = stop.start() if stop else end
        for match in _DECLARED.finditer(kernel.bare, section.end(), last):
            type_name = match.group(1).split()[-1]
            names = [re.sub(r"\s*\[.*", "", each).strip() for each in match.group(2).split(",")]
            if word.startswith("param"):
                kernel.params.update(dict.fromkeys(names, type_name))
            if type_name not in _TYPES and type_name not in own_types and type_name not in _FOREIGN and type_name != "Image":
                near = _near(type_name, tuple(sorted(_TYPES)))
                hint = f"; did you mean {near}?" if near else "."
                text = f"Blink has no type {type_name!r}{hint}"
                yield kernel.warning(text, match.start(1), type_name, near)
            if match.group(4) != ";":
                yield kernel.finding(f"Behind {names[-1]} stands no ';'.", match.end(2) - 1, names[-1], rule="syntax")


def _functions(kernel: _Kernel, granularity: str, start: int, end: int) -> Iterator[Finding]:
    seen: set[str] = set()
    wanted = {"ePixelWise": "int2", "eComponentWise": "int3"}.get(granularity, "")
    for match in _FUNCTION.finditer(kernel.bare, start, end):
        before, name, args = match.groups()
        seen.add(name)
        if before is None or before.split()[-1] != "void":
            yield kernel.finding(f"{name}() gives nothing back: write void {name}().", match.start(2), name, "void")
        types = [each.split()[0] for each in args.split(",") if each.split()]
        if name != "process":
            if types and types != ["void"]:
                yield kernel.finding(f"{name}() takes no arguments.", match.start(3), name)
        elif types and wanted and types != ["void"]:
            if len(types) == 1 and types[0] in ("int2", "int3") and types[0] != wanted:
                text = f"process() of an {granularity} kernel takes {wanted}, not {types[0]}."
                yield kernel.finding(text, match.start(3), types[0], wanted)
            elif types[0] in ("float2", "float3", "vec2", "vec3"):
                text = f"process() takes a whole place, {wanted}, not {types[0]}."
                yield kernel.finding(text, match.start(3), types[0], wanted)
            elif types != [wanted] and not set(types) <= {"int", "const"}:
                yield kernel.warning(f"process() usually takes nothing or {wanted} pos.", match.start(3), types[0], wanted)
    if "process" not in seen:
        near = re.search(r"\b(?:void\s+)?(main|kernel_main|processPixel|Process|run|compute)\s*\(", kernel.bare[start:end])
        offset = start + near.start(1) if near else start
        hint = f"; {near.group(1)}() is not called by Blink" if near else ""
        yield kernel.finding(
            f"The kernel has no void process(){hint}.", offset, near.group(1) if near else "process", "process"
        )


def _params(kernel: _Kernel, start: int, end: int) -> Iterator[Finding]:
    for call in _PARAM_CALL.finditer(kernel.bare, start, end):
        close = _closing_round(kernel.bare, call.end() - 1)
        args = _arguments(kernel.text[call.end() : close], kernel.bare[call.end() : close])
        name = args[0] if args else ""
        if name not in kernel.params:
            near = _near(name, tuple(kernel.params))
            hint = f"; did you mean {near}?" if near else "; declare it under param:"
            text = f"defineParam speaks of {name!r}, which is no param of the kernel{hint}"
            yield kernel.finding(text, call.end(), name, near, rule="unknown-knob")
        if len(args) < 3:
            text = 'defineParam takes the param, its label and its default, as in defineParam(size, "Size", 1.0f).'
            yield kernel.finding(text, call.start(), "defineParam")
        elif not args[1].startswith('"'):
            yield kernel.finding("The second argument of defineParam is the label, in quotes.", call.start(), args[1])
        after = re.match(r"\)\s*;", kernel.bare[close:])
        if after is None:
            yield kernel.finding("Behind defineParam(...) stands no ';'.", close, "defineParam", rule="syntax")


def _closing_round(text: str, start: int) -> int:
    depth = 0
    for match in _ROUND.finditer(text, start):
        depth += 1 if match.group() == "(" else -1
        if not depth:
            return match.start()
    return len(text)


def _arguments(text: str, bare: str) -> list[str]:
    """Return the arguments of a call; commas inside of brackets and texts part nothing."""
    found: list[str] = []
    depth = begin = 0
    for at, mark in enumerate(bare):
        depth += {"(": 1, "[": 1, "{": 1, ")": -1, "]": -1, "}": -1}.get(mark, 0)
        if mark == "," and not depth:
            found.append(text[begin:at].strip())
            begin = at + 1
    last = text[begin:].strip()
    return [*found, last] if last else found


def _accesses(kernel: _Kernel, start: int, end: int) -> Iterator[Finding]:
    for match in _SAMPLE.finditer(kernel.bare, start, end):
        if match.group(1) not in kernel.images:
            near = _near(match.group(1), tuple(kernel.images))
            hint = f"; did you mean {near}?" if near else "."
            yield kernel.finding(
                f"There is no image {match.group(1)!r}{hint}", match.start(1), match.group(1), near, rule="unknown-input"
            )
    for name, (mode, access) in kernel.images.items():
        ranged = re.search(rf"\b{name}\s*\.\s*set(?:Range|Axis)\s*\(", kernel.bare) is not None
        if access.startswith("eAccessRanged") and not ranged:
            text = f"{name} is read in a range, and init() does not say which: {name}.setRange(-1, -1, 1, 1);"
            yield kernel.finding(text, kernel.bare.find(name, start), name, f"{name}.setRange")
        if access != "eAccessPoint":
            continue
        for call in list(re.compile(rf"(?<![\w.]){name}\s*\(").finditer(kernel.bare, start, end))[:_MOST_CALLS]:
            offset = call.end() - 1
            last = _closing_round(kernel.bare, offset)
            args = _arguments(kernel.text[offset + 1 : last], kernel.bare[offset + 1 : last])
            before = kernel.bare[max(0, call.start() - 80) : call.start()].rstrip()
            if len(args) > 1 and not before.endswith((">", "SampleType(")):
                text = f"{name} is open at the place of the pixel only; to go elsewhere declare it "
                text += f"Image<{mode}, eAccessRandom, eEdgeClamped>." if mode == "eRead" else f"Image<{mode}, eAccessRandom>."
                yield kernel.finding(text, call.start(), name, "eAccessRandom")
                break


def _words(kernel: _Kernel) -> Iterator[Finding]:
    """Yield words that belong to other languages, each once."""
    own = {match.group(1) for match in _OWN_FUNCTION.finditer(kernel.bare)}
    own |= set(re.findall(r"#define\s+(\w+)", kernel.bare)) | set(re.findall(r"\btypedef\s+[^;]*?(\w+)\s*;", kernel.bare))
    own |= set(kernel.params) | set(kernel.images)
    own |= set(re.findall(r"\b(?:float|int|bool)[234]?\s+(\w+)", kernel.bare))
    told: set[str] = set()
    for match in re.finditer(r"[A-Za-z_]\w*(?:\s*::)?", kernel.bare):
        word = match.group().rstrip(" :\t\n")
        if word in own or word in told:
            continue
        if match.group().endswith("::") and word == "std":
            told.add(word)
            yield kernel.finding("Blink has no std::; its functions stand alone, as in sqrt(x).", match.start(), word)
        elif word in _FOREIGN:
            told.add(word)
            meant = _FOREIGN[word]
            hint = f"; Blink writes {meant}" if meant else ""
            text = f"{word} is of another shading language{hint}."
            yield kernel.finding(text, match.start(), word, meant, rule="unknown-function")
        elif word in _NO_FUNCTIONS and kernel.bare[match.end() :].lstrip()[:1] == "(":
            told.add(word)
            meant = _NO_FUNCTIONS[word]
            hint = f"; write {meant}, or a function of that name above the kernel" if meant else ""
            yield Finding(
                f"Blink may have no {word}(){hint}.", "warning", "unknown-function", *kernel.place(match.start()), word, meant
            )
    for match in re.finditer(r"^[ \t]*#[ \t]*(include|version|extension)\b", kernel.bare, re.MULTILINE):
        yield kernel.warning(
            f"#{match.group(1)} has no place in a kernel of a BlinkScript node.", match.start(1), match.group(1)
        )
