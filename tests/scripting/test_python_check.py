"""Preflight of Python against a script and a Nuke: what is invented is caught, what is right is left alone."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from nuke_ai_panel import nk
from nuke_ai_panel.nk.catalogue import Catalogue
from nuke_ai_panel.nk.graph_diff import GraphDiff
from nuke_ai_panel.nk.words import DamagedWordError, list_words, unquote
from nuke_ai_panel.scripting.effects import describe
from nuke_ai_panel.scripting.findings import Finding
from nuke_ai_panel.scripting.proposal import ScriptProposal
from nuke_ai_panel.scripting.python_check import check
from nuke_ai_panel.scripting.surroundings import Surroundings

HERE = Path(__file__).resolve().parent
SHOT = (HERE / "shot.nk").read_bytes()


def snippets(name: str) -> list[tuple[str, str]]:
    """The heading and the code of each snippet of a data file."""
    blocks = (HERE / name).read_text(encoding="utf-8").split("#### ")[1:]
    return [(head, code) for head, _, code in (block.partition("\n") for block in blocks)]


WRONG = snippets("python_wrong.txt")
RIGHT = snippets("python_right.txt")


@pytest.fixture(scope="module")
def shot() -> Surroundings:
    return Surroundings.of(SHOT)


def of_version(version: str) -> Surroundings:
    return Surroundings.of(SHOT.replace(b"version 15.1 v3", f"version {version} v1".encode()))


def found(code: str, around: Surroundings | None = None) -> list[Finding]:
    return list(check(ScriptProposal("python", code), around or Surroundings.of(SHOT)).findings)


def rules(code: str, around: Surroundings | None = None) -> list[str]:
    return [finding.rule for finding in found(code, around)]


def test_there_are_enough_snippets():
    assert len(WRONG) >= 80
    assert len(RIGHT) >= 60
    assert len({head for head, _ in RIGHT}) == len(RIGHT)


@pytest.mark.parametrize(("expected", "code"), WRONG, ids=[f"{number}-{head}" for number, (head, _) in enumerate(WRONG)])
def test_what_is_invented_is_caught(expected, code, shot):
    what, _, suggestion = expected.partition(" -> ")
    rule, _, name = what.partition(" ")
    findings = found(code, shot)
    assert len(findings) == 1, "one thing is wrong with it, and nothing else"
    finding = findings[0]
    assert finding.rule == rule
    assert name.rpartition(".")[2] in finding.name
    assert finding.severity in ("problem", "warning")
    assert finding.line > 0
    if suggestion:
        assert finding.suggestion == suggestion


@pytest.mark.parametrize("code", [code for _, code in RIGHT], ids=[head for head, _ in RIGHT])
def test_what_is_right_is_left_alone(code, shot):
    assert [str(finding) for finding in found(code, shot)] == []


@pytest.mark.parametrize("version", ["14.0", "15.1", "16.0", "17.0"])
def test_what_is_right_is_right_in_every_nuke(version):
    around = of_version(version)
    for head, code in RIGHT:
        problems = [str(finding) for finding in found(code, around) if finding.severity != "warning"]
        assert not problems, head


def test_what_is_right_is_right_without_a_script():
    for head, code in RIGHT:
        assert not [str(finding) for finding in found(code, Surroundings())], head


def test_reference_answers_of_the_tasks_are_left_alone(shared):
    lines = (shared / "tasks" / "open.jsonl").read_text(encoding="utf-8").splitlines()
    answered = [task for task in map(json.loads, lines) if task.get("reference_python")]
    assert len(answered) > 20
    for task in answered:
        document = nk.load(shared / "tasks" / task["fixture"])
        for node in list(document.selected()):
            document.select(node, False)
        for name in task["selection"]:
            node = document.find(name)
            if node is not None:
                document.select(node)
        around = Surroundings.of(document.to_bytes(with_selection=True))
        assert [str(finding) for finding in found(task["reference_python"], around)] == [], task["id"]


def code_in(node: nk.Node) -> Iterator[str]:
    """The Python in the knobs of a node: callbacks and buttons."""
    for knob in ("knobChanged", "onCreate", "updateUI", "autolabel", "beforeRender", "afterRender"):
        yield node.knob(knob) or ""
    for word in node.user_knobs.values():
        if word.startswith("{22 "):
            try:
                parts = list_words(word[1:-1])
            except DamagedWordError:
                continue
            for option, value in zip(parts, parts[1:]):
                if option == "T":
                    yield unquote(value)


def test_code_in_the_knobs_of_real_scripts_is_left_alone(corpus):
    """Artists wrote it and it works: only what is Python 2 in it has a problem."""
    seen: set[str] = set()
    problems: list[str] = []
    for path in sorted(path for path in corpus.rglob("*") if path.suffix in (".nk", ".gizmo")):
        document = nk.load(path, recover=True)
        around = Surroundings(document, Catalogue.for_document(document))
        for node in document.nodes(recurse=True):
            for code in code_in(node):
                if code.strip() and code not in seen:
                    seen.add(code)
                    handed_over = f"button = nuke.PyScript_Knob('a', 'a', {code!r})"
                    problems += [
                        f"{path.name} {node.name}: {finding}"
                        for finding in found(handed_over, around)
                        if finding.severity == "problem" and finding.rule != "python-version"
                    ]
    assert len(seen) > 100
    assert problems == []


def test_the_place_is_marked():
    finding = found("import nuke\nfor n in nuke.allNodes('Blur'):\n    n['sise'].setValue(3)\n")[0]
    assert (finding.line, finding.column) == (3, 7)
    assert finding.excerpt == "n['sise'].setValue(3)\n  ^"
    finding = found("b = (nuke.toNode('Blur_fog')\n     .knob('sise')\n     .setValue(3))")[0]
    assert (finding.line, finding.excerpt) == (2, ".knob('sise')\n      ^")
    finding = found("nuke.toNode('Blur_fog')['size'].setExpresion('frame')")[0]
    assert finding.column == 33
    finding = found("a = 1\nb = ü = nuke.toNode('Blur_fgo'); b['size']\n")[0]
    assert finding.column == 21
    assert finding.excerpt.splitlines()[1].index("^") == 20


def test_the_place_of_an_unreadable_line_is_marked():
    finding = found("n = nuke.root()\nif n:\n    print(n\n    x = 1\n")[0]
    assert finding.severity == "fatal"
    assert finding.line
    assert finding.excerpt.splitlines()[1].strip() == "^"


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("print 'x'", "print needs parentheses"),
        ("print nuke.root().name()", "print needs parentheses"),
        ("try:\n    pass\nexcept ValueError, error:\n    pass", "except Error as name"),
        ("raise ValueError, 'no'", "raise Error(message)"),
        ("if 1 <> 2:\n    pass", "!="),
        ("os.chmod('a', 0777)", "0o777"),
        ("x = 10L", "need no L"),
        ("exec 'a = 1'", "exec needs parentheses"),
    ],
)
def test_habits_of_python_2_are_named(code, words):
    finding = found(code)[0]
    assert finding.severity == "fatal"
    assert "Python 2" in finding.text
    assert words in finding.text


def test_marks_and_quotes_of_prose_are_named():
    assert "mark around code" in found("```python\nnuke.root()\n```")[0].text
    assert "typographic" in found("nuke.toNode(\u2018Read1\u2019)")[0].text


# what the code does decides


def test_a_name_that_is_asked_for_first_is_no_problem():
    assert rules("n = nuke.toNode('Blur_fgo')\nn['size'].setValue(1)") == ["unknown-node"]
    asked = found("n = nuke.toNode('Blur_fgo')\nif n:\n    n['size'].setValue(1)")
    assert [finding.severity for finding in asked] == ["warning"]
    assert not found("n = nuke.toNode('Keyer9000')\nif n:\n    n['size'].setValue(1)")
    assert not found("n = nuke.toNode('Blur_fgo')")


def test_a_guarded_knob_is_no_problem():
    assert rules("n = nuke.toNode('Blur_fog')\nn['softness'].setValue(1)") == ["unknown-knob"]
    assert not found("n = nuke.toNode('Blur_fog')\nif 'softness' in n.knobs():\n    n['softness'].setValue(1)")
    assert not found("n = nuke.toNode('Blur_fog')\nk = n.knob('softness')\nif k:\n    k.setValue(1)")
    assert not found("n = nuke.toNode('Blur_fog')\nif nuke.exists('Blur_fog.softness'):\n    n['softness'].setValue(1)")


def test_an_error_that_is_caught_is_a_doubt_or_nothing():
    wrong = "nuke.toNode('Blur_fog')['softness'].setValue(1)"
    assert [each.severity for each in found(wrong)] == ["problem"]
    told = found(f"try:\n    {wrong}\nexcept Exception as error:\n    print(error)")
    assert [each.severity for each in told] == ["warning"]
    assert not found(f"try:\n    {wrong}\nexcept NameError:\n    other = nuke.createNode('Defocus')")


def test_a_class_condition_decides_the_class():
    code = "for n in nuke.allNodes():\n    if n.Class() {} 'Blur':\n        n['operation'].setValue('over')"
    assert rules(code.format("==")) == ["unknown-knob"]
    assert not [each for each in found(code.format("!=")) if each.severity == "problem"]


def test_a_loop_over_everything_tells_who_lacks_the_knob():
    lacking = found("for n in nuke.allNodes():\n    n['size'].setValue(1)")
    assert [(each.severity, each.rule) for each in lacking] == [("warning", "unknown-knob")]
    nobody = found("for n in nuke.allNodes():\n    n['blurr_size'].setValue(1)")
    assert [each.rule for each in nobody] == ["unknown-knob"]


def test_the_selection_decides_what_is_selected():
    assert rules("nuke.selectedNodes()[0]['mulitply'].setValue(2)") == ["unknown-knob"]
    assert not found("nuke.selectedNode()['multiply'].setValue(2)")
    assert not found("nuke.createNode('Blur')\nnuke.selectedNode()['size'].setValue(2)")
    warned = found("for n in nuke.selectedNodes():\n    n['multiply'].setValue(2)")
    assert [each.severity for each in warned] == ["warning"], "one of the two selected nodes is a Merge"


def test_the_functions_of_the_code_are_followed():
    code = "def make():\n    return nuke.createNode('Blur')\n\ndef set_up(node, knob):\n    node[knob].setValue(1)\n\n"
    assert rules(code + "set_up(make(), 'sise')") == ["unknown-knob"]
    assert not found(code + "set_up(make(), 'size')")
    assert not found(code), "what is never called is not known to get a Blur"


def test_a_function_that_is_left_to_a_menu_meets_another_script():
    code = "def run():\n    nuke.toNode('Keyer_of_tomorrow')['size'].setValue(1)\n"
    assert rules(code + "run()") == ["unknown-node"]
    assert not found(code + "nuke.menu('Nuke').addCommand('x', run)")


def test_recursion_and_endless_calls_end():
    assert not found("def f(n):\n    return f(n) or g(n)\ndef g(n):\n    return f(n)\nf(nuke.root())")
    calls = "\n".join(f"f{number}()" for number in range(300))
    functions = "\n".join(f"def f{number}():\n    return nuke.root()" for number in range(300))
    assert not found(functions + "\n" + calls)


def test_deep_loops_and_branches_end():
    lines = [f"{'    ' * depth}for a{depth} in nuke.allNodes():" for depth in range(15)]
    assert not [each for each in found("\n".join(lines) + "\n" + "    " * 15 + "pass") if each.severity == "problem"]


@pytest.mark.parametrize(
    "code",
    ["x = nuke.root()" + ".a" * 800, "x = nuke" + ".root()" * 800, "x = " + "1+" * 800 + "1", "x = " + "not " * 800 + "1"],
    ids=["names", "calls", "sums", "nots"],
)
def test_what_is_nested_deeply_is_no_end_of_the_check(code):
    check(ScriptProposal("python", f"import requests\nnuke.delete(nuke.toNode('a'))\n{code}"), Surroundings.of(SHOT))


# versions


@pytest.mark.parametrize(
    ("code", "old", "new"),
    [
        ("from PySide2 import QtCore", "15.1", "16.0"),
        ("FH = nuke.nodes.FrameHold()\nzip([1], [2], strict=True)", "14.0", "15.0"),
        ("def f(a: int | None): pass", "14.0", "15.0"),
        ("import tomllib", "15.1", "16.0"),
        ("from itertools import pairwise", "14.1", "15.0"),
        ("nuke.root()['fps'].resetToDefault()", "15.2", "16.0"),
    ],
)
def test_the_version_of_the_script_decides(code, old, new):
    of_old = [each.rule for each in found(code, of_version(old))]
    of_new = [each.rule for each in found(code, of_version(new))]
    assert sorted([bool(of_old), bool(of_new)]) == [False, True]
    assert set(of_old + of_new) <= {"host-version", "python-version"}


@pytest.mark.skipif(sys.version_info < (3, 10), reason="this Python cannot read a match statement")
def test_a_match_statement_needs_python_3_10():
    code = "match nuke.frame():\n    case 1:\n        pass\n"
    assert rules(code, of_version("14.0")) == ["python-version"]
    assert not found(code, of_version("15.0"))


@pytest.mark.skipif(sys.version_info < (3, 12), reason="this Python cannot read such a text")
def test_the_same_quotes_inside_of_an_f_string_are_too_new():
    code = "n = nuke.root()\nprint(f'{n['fps'].value()}')\n"
    assert rules(code, of_version("16.0")) == ["python-version"]
    assert not found("n = nuke.root()\nprint(f\"{n['fps'].value()}\")\n", of_version("16.0"))


def test_a_name_without_meaning_is_told_once():
    told = found("import nuke\nprint(os.sep)\nprint(os.name)\n")
    assert [(each.line, each.severity, each.suggestion) for each in told] == [(2, "problem", "import os")]
    assert not found("try:\n    cmds.ls()\nexcept NameError:\n    pass")
    tool = check(ScriptProposal("tool", "print(os.sep)"), Surroundings.of(SHOT)).findings
    assert [each.severity for each in tool] == ["warning"]


def test_modules_that_may_be_missing_are_a_doubt():
    assert [(each.severity, each.rule) for each in found("import numpy as np")] == [("warning", "doubt")]
    assert not found("try:\n    import numpy\nexcept ImportError:\n    numpy = None")


def test_a_name_of_the_codes_own_is_not_the_old_built_in():
    assert not found("def reduce(a):\n    return a\nreduce(1)")
    assert not found("from functools import reduce\nreduce(max, [1])")


def test_python_for_the_machine_is_doubted():
    (doubt,) = found("import os\nos.remove('/tmp/a')\n", Surroundings())
    assert (doubt.severity, doubt.rule) == ("warning", "doubt")
    assert found("import os\nimport nuke\nos.remove('/tmp/a')\n", Surroundings()) == []


def test_code_in_a_button_that_cannot_be_read_is_a_warning():
    (finding,) = found("import nuke\nnuke.PyScript_Knob('go', 'Go', 'for n in nuke.allNodes(:')\n", Surroundings())
    assert (finding.severity, finding.rule, finding.line) == ("warning", "syntax", 2)


@pytest.mark.parametrize(
    ("line", "name"),
    [("print n.name()", "print"), ("exec 'x = 1'", "exec"), ("raise ValueError, 'x'", "raise"), ("1 <> 2", "<>")],
)
def test_syntax_of_python_2_is_named(line, name):
    (finding,) = found(f"for n in nuke.allNodes('Blur'):\n    {line}\n")
    assert (finding.severity, finding.rule, finding.name, finding.line) == ("fatal", "python-version", name, 2)


@pytest.mark.parametrize(
    "code",
    [
        "x = '%9999999999d' % 3\nnuke.nodes.Blur(name=x)",
        "t = 'a'\n" + "t = t.replace('a', 'ab').replace('b', 'aa')\n" * 60,
        "t = 'a'\n" + f"t = t.join([{', '.join(['t'] * 50)}])\n" * 8,
        "t = 'a'\n" + "t = f'{t}{t}{t}'\n" * 40,
        "t = 'a'\n" + "t = '%s%s' % (t, t + t)\n" * 40,
        "t = 'a'\n" + "t = '{0}{0}{x}'.format(t, x=t)\n" * 40,
        "n = nuke.nodes.Blur(name=" + " + ".join(["'a' + str(nuke.frame())"] * 60) + ")\nnuke.toNode('" + "a" * 300 + "b')",
    ],
    ids=["width", "replace", "join", "f-string", "percent", "format", "pattern"],
)
def test_texts_that_grow_are_no_end_of_the_check(code):
    wrong = "nuke.createNode('Blur')['siez']\n"
    assert rules(wrong + code) == ["unknown-knob"]


# code that is put together and kept as text


BUTTON = "n = nuke.selectedNode()\nbutton = nuke.PyScript_Knob('go', 'Go')\nbutton.setCommand({})"


@pytest.mark.parametrize(
    ("code", "name"),
    [
        (BUTTON.format("f\"nuke.toNode('{n.name()}').setLabel('{n.name()}')\""), "setLabel"),
        (BUTTON.format("'nuke.toNode(\"%s\").rename(%d)' % (n.name(), 2)"), "rename"),
        (BUTTON.format("'for n in nuke.allNodez({0!r}):\\n    pass'.format(n.name())"), "allNodez"),
        (BUTTON.format("'nuke.toNode(\"@\").setVal(1)'.replace('@', n.name())"), "setVal"),
        (BUTTON.format("'nuke.getFrame(' + str(n.xpos()) + ')'"), "getFrame"),
        ("nuke.createNode('NoOp', 'knobChanged \"nuke.thisKnobb()\"')", "thisKnobb"),
        ("nuke.nodes.NoOp(knobChanged='nuke.thisNodee()')", "thisNodee"),
        ("nuke.toNode('CTRL')['label'].setValue('[python {nuke.thisNode().getName()}]')", "getName"),
    ],
    ids=["f-string", "percent", "format", "replace", "sum", "knobs of createNode", "knobs of nodes", "Python in a label"],
)
def test_code_that_is_put_together_is_read(code, name):
    (finding,) = found(code)
    assert (finding.severity, finding.rule) == ("problem", "unknown-function")
    assert finding.name.endswith(name)


@pytest.mark.parametrize(
    "code",
    [
        "nuke.PyScript_Knob('a', 'a', '%s\\nn[\"siez\"]' % nuke.getInput('code'))",
        "nuke.PyScript_Knob('a', 'a', 'n = nuke.createNode(\"Blur\")\\n%s\\nn[\"siez\"]' % nuke.getInput('code'))",
        "nuke.PyScript_Knob('a', 'a', 'nuke.%s()' % nuke.getInput('code'))",
        "nuke.PyScript_Knob('a', 'a', 'nuke.createNode(\"%s\")[\"%s\"]' % (nuke.getInput('a'), nuke.getInput('b')))",
        "nuke.PyScript_Knob('a', 'a', 'nuke.nodes.Blur({}=3)'.format(nuke.getInput('knob')))",
        "nuke.PyScript_Knob('a', 'a', f'for n in {nuke.selectedNodes()}: (')",
        "nuke.PyScript_Knob('a', 'a', 'nuke.createNode(\"Bl%s\")' % nuke.getInput('a'))",
        "parent = nuke.getInput('x')\nparent.addCommand('a', 'some words, no code at all (')",
    ],
)
def test_what_is_put_into_code_is_not_judged(code):
    assert found(code) == []


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("nuke.PyScript_Knob('a', 'a', f\"nuke.execute('{nuke.frame()}', 1, 2)\")", "renders"),
        ("k = nuke.PyScript_Knob('a', 'a')\nk.setCommand('nuke.delete(nuke.selectedNode())')", "deletes nodes"),
        ("nuke.menu('Nuke').addCommand('a', 'import socket, nuke')", "network"),
        ("nuke.toNode('CTRL')['knobChanged'].setValue('import os\\nos.remove(\"%s\")' % nuke.frame())", "deletes files"),
        ("nuke.createNode('NoOp', 'onCreate {nuke.scriptClear()}')", "replaces the script"),
        ("def put(menu):\n    menu.addCommand('a', 'nuke.scriptExit()')\nput(nuke.menu('Nuke'))", "exits"),
    ],
)
def test_what_kept_code_does_is_told_as_kept(code, kind):
    effects = check(ScriptProposal("python", code), Surroundings.of(SHOT)).effects
    (effect,) = (each for each in effects if each.kind == kind)
    assert effect.is_kept
    assert effect.is_warning
    assert "in a button, menu or callback" in str(effect)
    assert describe(None, [effect]).startswith("Keeps code that ")
    assert describe(GraphDiff(), [effect]).startswith("Keeps code that ")


def test_what_is_done_now_and_kept_too_is_done_now():
    code = "nuke.scriptSave()\nnuke.PyScript_Knob('a', 'a', 'nuke.scriptSave()')"
    (effect,) = (each for each in check(ScriptProposal("python", code)).effects if each.kind == "saves the script")
    assert (effect.is_kept, effect.lines) == (False, (1, 2))


# what was made by then


def test_a_node_is_missing_until_nodes_of_unknown_names_are_made():
    asked = "nuke.toNode('Blurr_fog')['size'].setValue(1)\n"
    made = "nuke.nodePaste('/a.nk')\n"
    assert rules(asked + made) == ["unknown-node"]
    assert rules(made + asked) == []
    assert rules(f"def run():\n    {asked}\nrun()\n{made}") == ["unknown-node"]
    assert rules(f"def run():\n    {made}\nrun()\n{asked}") == []
    assert rules(f"for i in range(2):\n    if i:\n        {asked}    {made}") == []
    assert rules(f"class A:\n    def run(self):\n        {made}\nA().run()\n{asked}") == []
    assert rules(f"import studio\nstudio.build()\n{asked}") == []


def test_names_that_are_put_together_are_known_in_part():
    for named in ("'Look_' + x", "f'Look_{x}'", "'Look_%s' % x", "'Look_{}'.format(x)"):
        made = f"x = nuke.getInput('x')\nn = nuke.nodes.NoOp(name={named})\n"
        assert rules(made + "nuke.toNode('Look_9')['label'].setValue('a')") == [], named
        assert rules(made + "nuke.toNode('Luk_9')['label'].setValue('a')") == ["unknown-node"], named
    code = "n = nuke.nodes.NoOp()\nn.setName(nuke.getInput('x'))\nnuke.toNode('Look_9')['label'].setValue('a')"
    assert rules(code) == []


def test_nodes_of_a_text_that_is_read_are_known():
    read = "nuke.scriptReadText('Blur {{\\n size 3\\n name Soft_a\\n label \"%s\"\\n}}\\n{}' % nuke.frame())\n"
    assert rules(read.format("") + "nuke.toNode('Soft_a')['size'].setValue(1)") == []
    assert rules(read.format("") + "nuke.toNode('Sofft_a')['size'].setValue(1)") == ["unknown-node"]
    assert rules(read.replace(" % nuke", " % (nuke.frame(), nuke").format("%s") + ")\nnuke.toNode('Sofft_a')['size']") == []
