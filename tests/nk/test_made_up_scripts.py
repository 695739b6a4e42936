"""Scripts of every kind that Nuke and its users write, made up with what they say: read, changed and recovered as they are."""

from __future__ import annotations

import difflib
import random
from dataclasses import dataclass, field

import pytest

from nuke_ai_panel import nk
from nuke_ai_panel.errors import NkError

HEADS = [
    "",
    "#! C:/Program Files/Nuke5.1v5/Nuke5.1.exe -nx\nversion 5.1000\n",
    "#! /usr/local/Nuke6.3v4/Nuke6.3 -nx\nversion 6.3 v4\n",
    "#! /usr/local/Nuke12.2v3/libnuke-12.2.3.so -nx\n"
    '#write_info Write1 file:"/out/a b.%04d.exr" format:"2048 1556 1" chans:":rgba.red:" framerange:"1 100" fps:"0"\n'
    'version 12.2 v3\ndefine_window_layout_xml {<?xml version="1.0" encoding="UTF-8"?>\n<layout version="1.0">\n'
    '    <window x="0" y="0" w="1920" h="1080" screen="0">\n        <page id="DAG.1"/>\n    </window>\n</layout>\n}\n',
    "# made by hand\n\n\nversion 9.0 v8 ;\n",
]
ROOT = 'Root {\n inputs 0\n name "/shows/a b/c.nk"\n format "2048 1556 0 0 2048 1556 1 2K"\n frame 1\n}\n'
# A value as it is written, and what it says.
VALUES = [
    ("2", "2"),
    ("-0.5e-07", "-0.5e-07"),
    ('""', ""),
    ('"two words"', "two words"),
    (r'"\[value parent.size] of \$gui \{ and \} \"q\" \\ ; # x"', '[value parent.size] of $gui { and } "q" \\ ; # x'),
    (r'"<b>bold</b>\n<font color=\"#ff0000\">red</font> &amp; <img src=\"a.png\">"',
     '<b>bold</b>\n<font color="#ff0000">red</font> &amp; <img src="a.png">'),
    ("{1 2 3 1}", "{1 2 3 1}"),
    ("{{curve i x1 0 s0.5 x20 1 t0 l}}", "{{curve i x1 0 s0.5 x20 1 t0 l}}"),
    ('{{"a.b > 1 ? \\[value root.frame] : 2" i} {frame*2}}', '{{"a.b > 1 ? \\[value root.frame] : 2" i} {frame*2}}'),
    ("{rgba.red -rgba.green depth.Z}", "{rgba.red -rgba.green depth.Z}"),
    ("0xff0000ff", "0xff0000ff"),
    ("[file dirname [value root.name]]/a.exr", "[file dirname [value root.name]]/a.exr"),
    ("#not-a-comment", "#not-a-comment"),
    ("caf\u00e9_\u00fc", "caf\u00e9_\u00fc"),
    (r"C:\\shows\\a.exr", "C:\\shows\\a.exr"),
    ('"raw\nline"', "raw\nline"),
]  # fmt: skip
KNOBS = ["size", "label", "white", "file", "channels", '"Screen Matte"', "help", "mix", "which"]


@dataclass
class Made:
    """A script's text, and what it says of each node: path, class, inputs and knobs, in file order."""

    parts: list[str] = field(default_factory=list)
    nodes: list[tuple[str, str, list[str | None], dict[str, str]]] = field(default_factory=list)
    blob: int = 0

    def data(self, newline: str, bom: bool, encoding: str) -> bytes:
        text = "".join(self.parts).replace("\n", newline)
        return (b"\xef\xbb\xbf" if bom else b"") + text.encode(encoding, "surrogateescape")


class Maker:
    def __init__(self, rng: random.Random, made: Made) -> None:
        self.rng = rng
        self.made = made
        self.count = 0
        self.originals: list[tuple[str, str, str, dict[str, str]]] = []
        self.names: dict[str, str] = {}

    def scope(self, depth: int, prefix: str, length: int) -> None:
        """Write commands of one scope and note what its nodes read from."""
        stack: list[str | None] = []
        for _ in range(length):
            kind = self.rng.randrange(12)
            if kind == 0 and stack and stack[-1]:
                variable = f"N{self.rng.randrange(1 << 30):x}"
                self.names[variable] = stack[-1]
                self.made.parts.append(f"set {variable} [stack 0]\n")
            elif kind == 1:
                own = [name for name, path in self.names.items() if path.rpartition(".")[0] == prefix.rstrip(".")]
                variable = self.rng.choice([*own, ""])
                self.made.parts.append(f"push ${variable}\n" if variable else "push 0\n")
                stack.append(self.names[variable] if variable else None)
            elif kind == 2 and depth < 6:
                self.group(depth, prefix, stack, length)
            elif kind == 3 and self.originals:
                self.clone(depth, prefix, stack)
            elif kind == 4:
                self.made.parts.append(self.rng.choice(["add_layer {id id.red id.green}\n", "# a remark { [\n", "\n", ""]))
            else:
                self.node(depth, prefix, stack)

    def take(self, stack: list[str | None], count: int) -> list[str | None]:
        taken = [stack.pop() if stack else None for _ in range(count)]
        while taken and taken[-1] is None:
            taken.pop()
        return taken

    def named(self, class_name: str) -> str:
        self.count += 1
        return f"{class_name}{self.count}"

    def head(self, stack: list[str | None], depth: int, count: str) -> tuple[list[str], list[str | None]]:
        lines = [] if count == "1" else [f"{' ' * depth} inputs {count}\n"]
        return lines, self.take(stack, sum(map(int, count.split("+"))))

    def node(self, depth: int, prefix: str, stack: list[str | None]) -> None:
        class_name = self.rng.choice(
            [
                "Blur",
                "Merge2",
                "Read",
                "StickyNote",
                "Roto",
                "Tracker4",
                "OFXuk.co.thefoundry.keylight.keylight_v201",
                "my_tool.gizmo",
            ]
        )
        count = {"Merge2": self.rng.choice(["2", "2+1", "3"]), "Read": "0", "StickyNote": "0"}.get(class_name, "1")
        name = self.named("Node")
        lines, inputs = self.head(stack, depth, count)
        knobs: dict[str, str] = {}
        for knob in self.rng.sample(KNOBS, self.rng.randint(0, 4)):
            written, said = self.rng.choice(VALUES)
            lines.append(f"{' ' * depth} {knob} {written}\n")
            knobs[knob.strip('"')] = said
        if class_name in ("Roto", "Tracker4") and self.made.blob:
            rows = "".join(f'\n   {{f x4{n:x} {{cc {n} {{curve x{n} 0.5}}}} \\}} "a \\" b"}}' for n in range(self.made.blob))
            value = f"{{{{v x3f99999a}}{rows}}}"
            knob = "curves" if class_name == "Roto" else "tracks"
            lines.append(f"{' ' * depth} {knob} {value}\n")
            knobs[knob] = value
        lines.append(f"{' ' * depth} name {name}\n")
        if self.rng.random() < 0.3:
            lines.append(
                f'{" " * depth} addUserKnob {{20 User}}\n{" " * depth} addUserKnob {{7 amount l "An \\"amount\\"" R 0 10}}\n'
            )
            lines.append(f"{' ' * depth} amount 0.5\n")
            knobs["amount"] = "0.5"
        self.made.parts.extend([f"{' ' * depth}{class_name} {{\n", *lines, f"{' ' * depth}}}\n"])
        path = prefix + name
        self.made.nodes.append((path, class_name, inputs, knobs))
        stack.append(path)
        if self.rng.random() < 0.2:
            variable = f"C{self.rng.randrange(1 << 30):x}"
            self.made.parts.append(f"set {variable} [stack 0]\n")
            self.originals.append((variable, name, class_name, knobs))

    def clone(self, depth: int, prefix: str, stack: list[str | None]) -> None:
        variable, name, class_name, knobs = self.rng.choice(self.originals)
        lines, inputs = self.head(stack, depth, self.rng.choice(["0", "1"]))
        self.made.parts.extend([f"{' ' * depth}clone ${variable} {{\n", *lines, f"{' ' * depth} xpos 4\n{' ' * depth}}}\n"])
        self.made.nodes.append((prefix + name, class_name, inputs, knobs))
        stack.append(prefix + name)

    def group(self, depth: int, prefix: str, stack: list[str | None], length: int) -> None:
        class_name = self.rng.choice(["Group", "Gizmo", "LiveGroup", "VariableGroup"])
        name = self.named("Group")
        lines, inputs = self.head(stack, depth, self.rng.choice(["0", "1", "2"]))
        self.made.parts.extend([f"{' ' * depth}{class_name} {{\n", *lines, f"{' ' * depth} name {name}\n{' ' * depth}}}\n"])
        path = prefix + name
        self.made.nodes.append((path, class_name, inputs, {}))
        self.scope(depth + 1, path + ".", max(length // 2, 2))
        self.made.parts.append(f"{' ' * depth}end_group\n")
        stack.append(path)


def made_up(seed: int, *, blob: int = 3, length: int = 18) -> Made:
    rng = random.Random(seed)
    made = Made(blob=blob)
    if rng.random() < 0.25:
        made.parts.append("set cut_paste_input [stack 0]\nversion 11.2 v1\npush $cut_paste_input\n")
    else:
        made.parts.append(rng.choice(HEADS) + rng.choice(["", ROOT]))
    Maker(rng, made).scope(0, "", length)
    return made


def forms(seed: int) -> tuple[str, bool, str]:
    rng = random.Random(seed + 1)
    encoding = rng.choice(["utf-8", "latin-1"])
    return rng.choice(["\n", "\r\n", "\r"]), encoding == "utf-8" and rng.random() < 0.3, encoding


def said(document: nk.Document) -> list[tuple[str, str, list[str | None], dict[str, str]]]:
    return [
        (node.path, node.class_name, [source and source.path for source in node.inputs], dict(node.knobs))
        for node in document.nodes(recurse=True)
    ]


def expected(made: Made, newline: str, encoding: str) -> list[tuple[str, str, list[str | None], dict[str, str]]]:
    """Return what the text says once it is read: raw line ends are the file's, bytes that are no UTF-8 stand for themselves."""

    def read(text: str) -> str:
        # A file that ends its lines with CR is read with LF.
        return text.replace("\n", "\r\n") if newline == "\r\n" else text

    def decoded(text: str) -> str:
        return text.encode("latin-1").decode("utf-8", "surrogateescape") if encoding == "latin-1" else text

    raw = {said: read(said) for written, said in VALUES if "\n" in written}
    return [
        (path, class_name, inputs, {
            knob: decoded(raw.get(value, read(value) if value.startswith("{{v") else value)) for knob, value in knobs.items()
        })
        for path, class_name, inputs, knobs in made.nodes
    ]  # fmt: skip


SEEDS = range(60)


@pytest.mark.parametrize("seed", SEEDS)
def test_what_is_read_is_what_was_written(seed: int) -> None:
    made = made_up(seed)
    newline, bom, encoding = forms(seed)
    data = made.data(newline, bom, encoding)
    document = nk.loads(data)
    assert document.to_bytes() == data
    assert said(document) == expected(made, newline, encoding)


@pytest.mark.parametrize("seed", SEEDS)
def test_one_knob_is_one_line(seed: int) -> None:
    made = made_up(seed)
    newline, bom, encoding = forms(seed)
    data = made.data(newline, bom, encoding)
    document = nk.loads(data)
    rng = random.Random(seed)
    for node in rng.sample(document.nodes(recurse=True), min(4, len(document.nodes(recurse=True)))):
        mark = document.mark()
        holder = node.clone_of or node
        knob = rng.choice([*(name for name, value in holder.knobs.items() if "\n" not in value.replace("\r", "\n")), "mix"])
        if "\n" in (holder.knob(knob) or ""):
            continue
        document.set_knob(node, knob, "new value")
        before, after = data.split(newline.encode()), document.to_bytes().split(newline.encode())
        changes = [
            code for code in difflib.SequenceMatcher(None, before, after, autojunk=False).get_opcodes() if code[0] != "equal"
        ]
        assert len(changes) <= 1
        assert all(end - start <= 1 for _, first, last, start, end in changes)
        assert said(nk.loads(document.to_bytes())) == said(document)
        document.roll_back(mark)
    assert document.to_bytes() == data


@pytest.mark.parametrize("seed", SEEDS)
def test_what_stands_before_damage_is_recovered(seed: int) -> None:
    made = made_up(seed)
    newline, bom, encoding = forms(seed)
    data = made.data(newline, bom, encoding)
    whole = [(path, class_name) for path, class_name, _, _ in said(nk.loads(data))]
    rng = random.Random(seed)
    for _ in range(5):
        cut = data[: rng.randrange(len(data))]
        document = nk.loads(cut, recover=True)
        assert document.to_bytes() == cut
        found = [(path, class_name) for path, class_name, _, _ in said(document)]
        # The last of them may have lost its name, or be inside of a group that has.
        assert found[:-1] == whole[: len(found)][:-1]
        if document.damage:
            with pytest.raises(NkError):
                nk.loads(cut)
        else:
            assert nk.loads(cut).to_bytes() == cut


# Some with clones in groups that stand before, beside and inside of that of their original.
@pytest.mark.parametrize("seed", [*SEEDS, 141, 206, 274, 344, 353, 406, 466])
def test_copies_and_deletions_can_be_written_and_taken_back(seed: int) -> None:
    made = made_up(seed)
    data = made.data(*forms(seed))
    document = nk.loads(data)
    rng = random.Random(seed)
    for _ in range(6):
        nodes = document.nodes(recurse=True)
        if not nodes:
            break
        node = rng.choice(nodes)
        try:
            if rng.random() < 0.5:
                document.copy([node], group=node.scope.owner)
            else:
                document.delete(node)
        except NkError:
            continue
        again = nk.loads(document.to_bytes())
        assert sorted(path for path, *_ in said(again)) == sorted(path for path, *_ in said(document))
    document.roll_back(0)
    assert document.to_bytes() == data


def test_megabytes_of_what_is_not_understood_are_kept() -> None:
    made = made_up(7, blob=12_000, length=30)
    data = made.data("\n", False, "utf-8")
    assert len(data) > 1_000_000
    document = nk.loads(data)
    assert document.to_bytes() == data
    assert said(document) == expected(made, "\n", "utf-8")
    node = next(node for node in document.nodes(recurse=True) if "curves" in node.knobs or "tracks" in node.knobs)
    (copy,) = document.copy([node], to=nk.new_script())
    assert copy.knobs == node.knobs
