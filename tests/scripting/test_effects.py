"""What a script does in plain words, with numbers, and whether it certainly only reads."""

from __future__ import annotations

import ast

import pytest

from nuke_ai_panel import nk
from nuke_ai_panel.scripting.effects import Effect, describe, find_effects, is_read_only

SCRIPT = b"""version 15.1 v3
Root {
 inputs 0
}
Read {
 inputs 0
 name Read1
}
Blur {
 size 3
 name Blur1
}
Grade {
 name Grade1
}
"""


def effects(code: str) -> list[Effect]:
    return find_effects(ast.parse(code))


def told(code: str) -> str:
    return describe(None, effects(code))


def reads(code: str) -> bool:
    return is_read_only(effects(code), code)


@pytest.mark.parametrize(
    ("code", "count"),
    [
        ("nuke.createNode('Blur')\nnuke.nodes.Grade()", 2),
        ("for i in range(5):\n    nuke.createNode('Dot')", 5),
        ("for a in ('x', 'y'):\n    for b in range(1, 4):\n        nuke.createNode('Dot')", 6),
        ("made = [nuke.nodes.Dot() for each in 'abc']", 3),
        ("def f():\n    nuke.createNode('Blur')\nf()\nf()", 2),
        ("def f():\n    nuke.createNode('Blur')\ndef g():\n    f()\n    f()\nfor i in range(3):\n    g()", 6),
        ("def main():\n    nuke.createNode('Blur')\nif __name__ == '__main__':\n    main()", 1),
        ("for n in nuke.selectedNodes():\n    nuke.createNode('Dot')", 0),
        ("if nuke.selectedNodes():\n    nuke.createNode('Dot')", 0),
        ("for i in range(5):\n    if i: continue\n    nuke.createNode('Dot')", 0),
        ("while n:\n    nuke.createNode('Dot')", 0),
        ("def f():\n    nuke.createNode('Blur')", 0),
        ("def f(n):\n    nuke.createNode('Blur')\n    f(n)\nf(1)", 0),
        ("try:\n    pass\nexcept ValueError:\n    nuke.createNode('Blur')", 0),
        ("a = nuke.createNode('Blur') if b else None", 0),
    ],
)
def test_nodes_are_counted_where_the_number_is_certain(code, count):
    found = [effect for effect in effects(code) if effect.kind == "creates nodes"]
    assert [effect.count for effect in found] == [count]


@pytest.mark.parametrize("depth", [300, 600])
def test_what_is_nested_deeply_is_found_all_the_same(depth):
    code = "import os as o\nif a:\n    pass\n" + "elif a:\n    pass\n" * depth + "else:\n    o.remove('x')\n"
    code += "def exit():\n    pass\nexit()\nwhile 1:\n    pass\n"
    try:
        found = effects(code)
    except (RecursionError, MemoryError):
        pytest.skip("this Python cannot read it")
    assert {effect.kind for effect in found} == {"deletes files", "may not end"}
    assert not is_read_only(found, code)


def test_a_script_is_told_in_one_line():
    code = "b = nuke.createNode('Blur')\nb['size'].setValue(3)\nb['mix'].setValue(1)\nnuke.execute('Write1', 1, 2)\n"
    assert told(code) == "Creates 1 node, changes 2 knobs, renders"
    assert told("for n in nuke.allNodes():\n    n['label'].setValue('')") == "Changes knobs"
    assert told("nuke.toNode('a').setInput(0, None)\nnuke.delete(nuke.toNode('b'))\nnuke.scriptExit()") == (
        "Disconnects 1 input, deletes 1 node, closes Nuke"
    )
    assert told("x = 1") == "Does nothing that can be read off its text"


def test_a_line_tells_every_kind_of_effect():
    code = """import subprocess, requests
open('a', 'w')
open('b')
os.remove('c')
subprocess.run(['ls'])
nuke.message('x')
nuke.scriptSave()
nuke.addOnCreate(f)
eval('1')
nuke.scriptClear()
"""
    line = told("import os\n" + code)
    for words in (
        "writes files",
        "reads files",
        "deletes or moves files",
        "starts another program",
        "uses the network",
        "opens a dialog",
        "saves the script",
        "leaves a callback",
        "runs code that cannot be read here",
        "closes or replaces the open script",
    ):
        assert words in line.casefold()


def test_the_real_difference_wins():
    before, after = nk.loads(SCRIPT), nk.loads(SCRIPT)
    blur = after.create("Blur", inputs=[after.node("Read1")])
    after.set_knob(after.node("Blur1"), "size", "9")
    after.set_knob(after.node("Blur1"), "mix", "0.5")
    after.connect(after.node("Grade1"), 0, blur)
    after.connect(after.node("Blur1"), 0, None)
    code = "for n in x:\n    nuke.createNode('Blur')\nnuke.execute('Write1', 1, 2)\nn.setValue(1)"
    assert describe(nk.diff(before, after), effects(code)) == (
        "Creates 1 node, changes 2 knobs on 1 node, changes 1 connection, disconnects 1 input, renders"
    )
    after.delete(after.node("Grade1"))
    assert "deletes 1 node" in describe(nk.diff(before, after), effects(code))


def test_no_difference_and_no_effect_is_no_change():
    script = nk.loads(SCRIPT)
    assert describe(nk.diff(script, nk.loads(SCRIPT)), effects("nuke.createNode('Blur')")) == "Changes nothing"
    assert describe(nk.diff(script, nk.loads(SCRIPT)), effects("nuke.scriptSave()")) == "Saves the script"


READING = [
    "for n in nuke.allNodes('Read'):\n    print(n.name(), n['file'].value())",
    "import os\nprint([r.name() for r in nuke.allNodes('Read') if not os.path.exists(r['file'].evaluate())])",
    "from collections import Counter\nprint(Counter(n.Class() for n in nuke.allNodes(recurseGroups=True)).most_common(5))",
    "def depth(n):\n    found = [depth(n.input(i)) for i in range(n.inputs()) if n.input(i)]\n"
    "    return 1 + max(found or [0])\nprint(depth(nuke.selectedNode()))",
    "import re\ncounts = {}\nfor n in nuke.allNodes():\n    key = re.sub(r'\\d+$', '', n.name())\n"
    "    counts[key] = counts.get(key, 0) + 1\nprint(counts)",
    "seen = set()\nfor n in nuke.allNodes():\n    seen.add(n.Class())\nprint(sorted(seen))",
    "print(nuke.root()['fps'].value(), nuke.frame(), nuke.env['gui'])",
    "k = nuke.toNode('Blur1')['size']\nif k.isAnimated():\n    print([(key.x, key.y) for key in k.animation(0).keys()])",
    "try:\n    print(nuke.selectedNode().metadata())\nexcept ValueError as error:\n    print(error)",
    "import statistics\nfrom collections import Counter\n"
    "print(Counter([n.Class() for n in nuke.allNodes()]), statistics.mean(n.xpos() for n in nuke.allNodes()))",
    "def show(node):\n    lines = []\n    lines.append('%s %s' % (node.name(), node.Class()))\n    print('\\n'.join(lines))\n"
    "for n in nuke.selectedNodes():\n    show(n)",
]

CHANGING = [
    "nuke.toNode('Blur1')['size'].setValue(3)",
    "nuke.createNode('Blur')",
    "nuke.frame(10)",
    "list(map(nuke.frame, [10]))",
    "list(map(nuke.delete, nuke.allNodes()))",
    "for n in sorted(nuke.allNodes(), key=nuke.delete):\n    pass",
    "f = nuke.delete\nf(nuke.allNodes()[0])",
    "getattr(nuke, 'delete')(nuke.allNodes()[0])",
    "print = nuke.delete\nprint(nuke.allNodes()[0])",
    "for key in nuke.toNode('Blur1')['size'].animation(0).keys():\n    key.y = 2",
    "for key in nuke.toNode('Blur1')['size'].animation(0).keys():\n    key.y += 2",
    "nuke.toNode('Blur1')['size'] = 3",
    "nuke.env['gui'] = False",
    "from nuke import delete as show\nshow(nuke.allNodes()[0])",
    "from operator import methodcaller\nmethodcaller('setValue', 3)(nuke.toNode('Blur1')['size'])",
    "import os\nos.remove('a')",
    "import os as o\no.system('ls')",
    "from os import path as p\np.os.remove('a')",
    "import os\nos.path.os.remove('a')",
    "open('a')",
    "exec('1')",
    "def f(g):\n    g(nuke.allNodes()[0])\nf(f)",
    "class A:\n    def __del__(self):\n        pass",
    "nuke.tcl('delete Blur1')",
    "nuke.expression('[python nuke.scriptClear()]')",
    "(lambda f: f())(nuke.allNodes)",
    "[].__class__.__base__.__subclasses__()",
    "while True:\n    pass",
    "import somewhere",
    "from re import *",
    "def f(",
    "with nuke.Undo('x'):\n    pass",
    "nuke.layers().__init__()",
    "nuke.selectedNode().setSelected(False)",
    "nuke.root().setFrame(3)",
    "n = nuke\nn.value('[python nuke.scriptClear()]')",
    "def f(n):\n    return n.expression('[python 1]')\nf(nuke)",
    "for n in (nuke,):\n    n.frame(3)",
    "from os import path\nq = path\nprint(q.exists('a'))",
    "import statistics\nstatistics.sys",
    "import json\njson.decoder",
    "lambda: nuke",
]


@pytest.mark.parametrize("code", READING)
def test_what_only_reads_needs_no_consent(code):
    assert reads(code)


@pytest.mark.parametrize("code", CHANGING)
def test_what_may_change_something_is_not_taken_for_reading(code):
    try:
        assert not reads(code)
    except SyntaxError:
        assert not is_read_only((), code)
