"""Answers as models write them, and what is found in each."""

from __future__ import annotations

import json
import textwrap
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nuke_ai_panel.messages import ToolCall
from nuke_ai_panel.scripting.finding import find_proposals
from nuke_ai_panel.scripting.proposal import ScriptProposal

BLACK = "import nuke\n\nfor n in nuke.allNodes('Read'):\n    n['on_error'].setValue('black')\n"
SNIPPET = "set cut_paste_input [stack 0]\nversion 15.1 v3\npush $cut_paste_input\n"
SNIPPET += "Blur {\n size 12\n name Blur7\n xpos 0\n ypos 40\n}\n"
GROUP = "Group {\n inputs 1\n name Soften\n addUserKnob {20 User}\n addUserKnob {41 size T Blur1.size}\n}\n"
GROUP += (
    " Input {\n  inputs 0\n  name Input1\n }\n Blur {\n  size 4\n  name Blur1\n }\n Output {\n  name Output1\n }\nend_group\n"
)
KERNEL = """kernel Desaturate : ImageComputationKernel<ePixelWise>
{
  Image<eRead, eAccessPoint, eEdgeClamped> src;
  Image<eWrite> dst;

  param:
    float amount;

  void define() {
    defineParam(amount, "Amount", 0.5f);
  }

  void process() {
    SampleType(src) c = src();
    float luma = c.x * 0.2126f + c.y * 0.7152f + c.z * 0.0722f;
    dst() = c * (1.0f - amount) + luma * amount;
  }
};
"""
MENU = """import nuke

def toggle():
    for n in nuke.selectedNodes():
        n['disable'].setValue(not n['disable'].value())

nuke.menu('Nuke').addCommand('Custom/Toggle disable', toggle, 'ctrl+alt+d', shortcutContext=2)
"""
TCL = "foreach n [selected_nodes] {\n  knob $n.disable 1\n}\n"


def fenced(code: str, tag: str = "python", fence: str = "```") -> str:
    return f"{fence}{tag}\n{code}{fence}\n"


#: What the model wrote, then kind, code and target of each proposal in it.
ANSWERS: dict[str, tuple[str, list[tuple[str, str, str]]]] = {
    "llama, plain fence": (
        "Sure! Here is a script that makes missing frames come up black:\n\n"
        + fenced(BLACK)
        + "\nLet me know if you need more!",
        [("python", BLACK, "")],
    ),
    "llama, no language": ("Here you go:\n\n" + fenced(BLACK, "") + "\nHope it helps.", [("python", BLACK, "")]),
    "llama, capital language and a blank": ("```Python \n" + BLACK + "```", [("python", BLACK, "")]),
    "qwen, tildes": (fenced(BLACK, "python", "~~~"), [("python", BLACK, "")]),
    "qwen, thoughts before": (
        "<think>\nMaybe\n```python\nnuke.delete(nuke.toNode('Read1'))\n```\nno.\n</think>\n\n" + fenced(BLACK),
        [("python", BLACK, "")],
    ),
    "qwen, thoughts without an opening": (
        "Try nuke.delete first?\n```python\nnuke.delete(x)\n```\n</think>\n" + fenced(BLACK),
        [("python", BLACK, "")],
    ),
    "qwen, thoughts that never end": ("Fine.\n<think>\n" + fenced(BLACK), []),
    "gpt, fence in a list": (
        "1. Open the Script Editor.\n2. Run this:\n\n   " + textwrap.indent(fenced(BLACK), "   ").lstrip() + "\n3. Done.\n",
        [("python", BLACK, "")],
    ),
    "gpt, fence after a list mark": (
        "- ```python\n  import nuke\n  nuke.createNode('Blur')\n  ```\n",
        [("python", "import nuke\nnuke.createNode('Blur')\n", "")],
    ),
    "gpt, in a quotation": (
        "> Run this:\n>\n> ```python\n> import nuke\n> nuke.createNode('Blur')\n> ```\n",
        [("python", "import nuke\nnuke.createNode('Blur')\n", "")],
    ),
    "gpt, four ticks round three": (
        "````markdown\nPaste this:\n" + fenced(BLACK) + "````\n",
        [("python", BLACK, "")],
    ),
    "gpt, markdown in three ticks round three": (
        "```markdown\n# How\n" + fenced(BLACK) + "Done.\n```\n",
        [("python", BLACK, "")],
    ),
    "gpt, four ticks with no language": ("````\n" + fenced(BLACK) + "````\n", [("python", BLACK, "")]),
    "gemini, title in the fence": ('```python title="black.py"\n' + BLACK + "```\n", [("python", BLACK, "")]),
    "gemini, language after a colon": ("```python:scripts/black.py\n" + BLACK + "```\n", [("python", BLACK, "")]),
    "gemini, class in braces": ("```{.python .numberLines}\n" + BLACK + "```\n", [("python", BLACK, "")]),
    "gemini, fence behind the sentence": ("Here is the code: ```python\n" + BLACK + "```\n", [("python", BLACK, "")]),
    "claude, steps that use each other": (
        "### Step 1: create the node\n```python\nimport nuke\nblur = nuke.createNode('Blur')\n```\n"
        "### Step 2: set its size\n```python\nblur['size'].setValue(8)\n```\n",
        [("python", "import nuke\nblur = nuke.createNode('Blur')\n\nblur['size'].setValue(8)\n", "")],
    ),
    "claude, steps by their words": (
        "First, the blur:\n"
        + fenced("import nuke\nnuke.createNode('Blur')\n")
        + "Then add a grade:\n"
        + fenced("nuke.createNode('Grade')\n"),
        [("python", "import nuke\nnuke.createNode('Blur')\n\nnuke.createNode('Grade')\n", "")],
    ),
    "claude, an alternative": (
        fenced("import nuke\nnuke.createNode('Blur')\n")
        + "Or, if you prefer it without a panel:\n"
        + fenced("import nuke\nnuke.nodes.Blur()\n"),
        [("python", "import nuke\nnuke.createNode('Blur')\n", ""), ("python", "import nuke\nnuke.nodes.Blur()\n", "")],
    ),
    "claude, an alternative with the words of a step": (
        fenced("import nuke\nnuke.createNode('Blur')\n")
        + "Alternatively, make it first and then connect it:\n"
        + fenced("import nuke\nnuke.nodes.Blur().setInput(0, nuke.selectedNode())\n"),
        [
            ("python", "import nuke\nnuke.createNode('Blur')\n", ""),
            ("python", "import nuke\nnuke.nodes.Blur().setInput(0, nuke.selectedNode())\n", ""),
        ],
    ),
    "claude, alternatives by number": (
        "**Option 1**\n"
        + fenced("x = nuke.createNode('Blur')\n")
        + "**Option 2**\n"
        + fenced("y = nuke.createNode('Defocus')\n"),
        [("python", "x = nuke.createNode('Blur')\n", ""), ("python", "y = nuke.createNode('Defocus')\n", "")],
    ),
    "claude, pieces and then the whole": (
        "We start with the nodes:\n"
        + fenced("nodes = nuke.allNodes('Read')\n")
        + "and loop over them. The full script:\n"
        + fenced("nodes = nuke.allNodes('Read')\nfor n in nodes:\n    n['on_error'].setValue('black')\n"),
        [("python", "nodes = nuke.allNodes('Read')\nfor n in nodes:\n    n['on_error'].setValue('black')\n", "")],
    ),
    "gpt, a library first": (
        fenced("import os\n\ndef stem(path):\n    return os.path.splitext(path)[0]\n")
        + "Use it:\n"
        + fenced("import nuke\nnuke.toNode('Read1')['label'].setValue(stem('a.exr'))\n"),
        [
            (
                "python",
                "import os\n\ndef stem(path):\n    return os.path.splitext(path)[0]\n\nimport nuke"
                "\nnuke.toNode('Read1')['label'].setValue(stem('a.exr'))\n",
                "",
            )
        ],
    ),
    "llama, code without any fence": (
        BLACK + "\nThis loops over all Read nodes and sets their error knob.\n",
        [("python", BLACK, "")],
    ),
    "llama, prose and code without a fence": (
        "You can do this with a small script.\n\nimport nuke\nn = nuke.toNode('Grade1')\nn['white'].setValue(\n    2,"
        "\n)\nprint('done')\n\nThis sets the gain to two.",
        [("python", "import nuke\nn = nuke.toNode('Grade1')\nn['white'].setValue(\n    2,\n)\nprint('done')\n", "")],
    ),
    "llama, short loops without a fence": (
        "Sure.\n\na, b = [nuke.toNode(n) for n in ('A', 'B')]\nfor n in nuke.allNodes(): n.setSelected(n == a)\nif b: "
        "b.setInput(0, a)\n\nDone.",
        [
            (
                "python",
                "a, b = [nuke.toNode(n) for n in ('A', 'B')]\nfor n in nuke.allNodes(): n.setSelected(n == a)\nif b: "
                "b.setInput(0, a)\n",
                "",
            )
        ],
    ),
    "llama, indented without a fence": (
        "Run this:\n\n" + textwrap.indent(BLACK, "    ") + "\nThat is all.\n",
        [("python", BLACK, "")],
    ),
    "llama, tabs and CRLF": (
        "```python\r\nimport nuke\r\nfor n in nuke.allNodes():\r\n\tprint(n.name())\r\n```\r\n",
        [("python", "import nuke\nfor n in nuke.allNodes():\n\tprint(n.name())\n", "")],
    ),
    "qwen, doctest prompts": (
        fenced(
            ">>> import nuke\n>>> for n in nuke.allNodes('Blur'):\n...     n['size'].setValue(1)\n...\n>>> "
            "nuke.root().name()\n'Root'\n"
        ),
        [("python", "import nuke\nfor n in nuke.allNodes('Blur'):\n    n['size'].setValue(1)\n\nnuke.root().name()\n", "")],
    ),
    "qwen, line numbers": (
        fenced(" 9 import nuke\n10 for n in nuke.allNodes():\n11     n.setSelected(True)\n"),
        [("python", "import nuke\nfor n in nuke.allNodes():\n    n.setSelected(True)\n", "")],
    ),
    "qwen, line numbers with bars": (
        fenced("1| import nuke\n2| nuke.createNode('Dot')\n", ""),
        [("python", "import nuke\nnuke.createNode('Dot')\n", "")],
    ),
    "llama, entities in a kernel": (
        fenced(KERNEL.replace("<", "&lt;").replace(">", "&gt;").replace('"', "\u201c"), "cpp"),
        [("blink", KERNEL, "")],
    ),
    "llama, entities in an expression": (
        "Set this expression on Switch1.which:\n" + fenced("frame &gt;= 1050 &amp;&amp; frame &lt; 1060 ? 1 : 0\n", ""),
        [("expression", "frame >= 1050 && frame < 1060 ? 1 : 0", "Switch1.which")],
    ),
    "gpt, pressing a menu item is a script": (
        fenced("import nuke\nnuke.menu('Nuke').findItem('Edit/Undo').invoke()\n"),
        [("python", "import nuke\nnuke.menu('Nuke').findItem('Edit/Undo').invoke()\n", "")],
    ),
    "llama, entities": (
        fenced("import nuke\nif nuke.frame() &gt; 1:\n    print(&quot;late&quot;)\n"),
        [("python", 'import nuke\nif nuke.frame() > 1:\n    print("late")\n', "")],
    ),
    "gemini, typographic quotes": (
        fenced("import nuke\nnuke.createNode(\u2018Blur\u2019)\n"),
        [("python", "import nuke\nnuke.createNode('Blur')\n", "")],
    ),
    "gemini, a quote in a text stays": (
        fenced("nuke.createNode('StickyNote')['label'].setValue('it\u2019s')\n"),
        [("python", "nuke.createNode('StickyNote')['label'].setValue('it\u2019s')\n", "")],
    ),
    "gemini, web page": (
        "<pre><code>import nuke\nnuke.createNode('Blur')\n</code></pre>\nDone.",
        [("python", "import nuke\nnuke.createNode('Blur')\n", "")],
    ),
    "claude, nodes as text": ("Paste this below your plate:\n" + fenced(SNIPPET, "nk"), [("nk", SNIPPET, "")]),
    "llama, nodes in a python fence": (fenced(SNIPPET), [("nk", SNIPPET, "")]),
    "llama, nodes without a header": (
        fenced("Grade {\n white 2\n}\nBlur {\n size 3\n}\n", ""),
        [("nk", "Grade {\n white 2\n}\nBlur {\n size 3\n}\n", "")],
    ),
    "llama, nodes without a fence": ("Copy this into the node graph:\n\n" + SNIPPET + "\nEnjoy.", [("nk", SNIPPET, "")]),
    "gpt, python in an nk fence": (fenced(BLACK, "nk"), [("python", BLACK, "")]),
    "gpt, python in a text fence": (fenced(BLACK, "text"), [("python", BLACK, "")]),
    "claude, a group": ("Here is the group:\n" + fenced(GROUP, "tcl"), [("gizmo", GROUP, "")]),
    "gpt, a gizmo file": (
        fenced(GROUP.replace("Group {", "Gizmo {"), "gizmo"),
        [("gizmo", GROUP.replace("Group {", "Gizmo {"), "")],
    ),
    "claude, two nodes and a group": (
        fenced("Blur {\n name Blur1\n}\n" + GROUP, "nk"),
        [("nk", "Blur {\n name Blur1\n}\n" + GROUP, "")],
    ),
    "claude, tcl": ("In the Script Command box:\n" + fenced(TCL, "tcl"), [("tcl", TCL, "")]),
    "llama, tcl without a language": (fenced(TCL, ""), [("tcl", TCL, "")]),
    "claude, kernel": (fenced(KERNEL, "cpp"), [("blink", KERNEL, "")]),
    "gpt, kernel for a node": (
        "Paste this kernel into BlinkScript2:\n" + fenced(KERNEL, ""),
        [("blink", KERNEL, "BlinkScript2")],
    ),
    "llama, kernel without a fence": ("The kernel:\n\n" + KERNEL + "\nPress Recompile.", [("blink", KERNEL, "")]),
    "claude, a kernel in Python stays Python": (
        fenced(f"import nuke\nSOURCE = '''\n{KERNEL}'''\nnuke.createNode('BlinkScript')['kernelSource'].setValue(SOURCE)\n"),
        [
            (
                "python",
                f"import nuke\nSOURCE = '''\n{KERNEL}'''\nnuke.createNode('BlinkScript')['kernelSource'].setValue(SOURCE)\n",
                "",
            )
        ],
    ),
    "claude, menu.py": ("Put this in your `menu.py`:\n" + fenced(MENU), [("tool", MENU, "")]),
    "gpt, init.py": (
        fenced("# init.py\nimport nuke\nnuke.pluginAddPath('./gizmos')\nnuke.knobDefault('Merge2.bbox', 'B')\n"),
        [("tool", "# init.py\nimport nuke\nnuke.pluginAddPath('./gizmos')\nnuke.knobDefault('Merge2.bbox', 'B')\n", "")],
    ),
    "gpt, a function for menu.py": (
        "Add this to menu.py:\n" + fenced("import nuke\ndef go():\n    nuke.createNode('Blur')\n"),
        [("tool", "import nuke\ndef go():\n    nuke.createNode('Blur')\n", "")],
    ),
    "claude, a format that is used is a script": (
        fenced("import nuke\nnuke.addFormat('1998 1080 Flat')\nnuke.root()['format'].setValue('Flat')\n"),
        [("python", "import nuke\nnuke.addFormat('1998 1080 Flat')\nnuke.root()['format'].setValue('Flat')\n", "")],
    ),
    "gpt, expression with an owner": (
        "Set this expression on Blur1's size knob:\n" + fenced("sin(frame/10)*5+10\n", ""),
        [("expression", "sin(frame/10)*5+10", "Blur1.size")],
    ),
    "gpt, expression with a knob of a node": (
        "Right-click the `mix` knob of the **Merge3** node, choose *Set expression* and enter the expression\n"
        + fenced("frame < 1050 ? 0 : 1\n", "text"),
        [("expression", "frame < 1050 ? 0 : 1", "Merge3.mix")],
    ),
    "claude, expression named in the code": (
        "The expression:\n" + fenced("Blur1.size: parent.Blur2.size * 2\n", ""),
        [("expression", "parent.Blur2.size * 2", "Blur1.size")],
    ),
    "claude, expression named in a comment": (
        "Use this expression:\n" + fenced("# Grade1.multiply\n1 + 0.1*sin(frame)\n", "tcl"),
        [("expression", "1 + 0.1*sin(frame)", "Grade1.multiply")],
    ),
    "qwen, expressions for both axes": (
        "Use these expressions on Transform1.translate:\n" + fenced("x: random(frame)*10\ny: random(frame+100)*10\n", ""),
        [
            ("expression", "random(frame)*10", "Transform1.translate.x"),
            ("expression", "random(frame+100)*10", "Transform1.translate.y"),
        ],
    ),
    "qwen, expression in a python fence": (
        "Add this expression to Grade1.white:\n" + fenced("clamp(frame/100)\n"),
        [("expression", "clamp(frame/100)", "Grade1.white")],
    ),
    "qwen, expressions one after the other": (
        "The expression for `Transform1.translate.x`:\n"
        + fenced("random(frame/5)*10\n", "")
        + "And for `Transform1.translate.y`:\n"
        + fenced("random(frame/5+9)*10\n", ""),
        [
            ("expression", "random(frame/5)*10", "Transform1.translate.x"),
            ("expression", "random(frame/5+9)*10", "Transform1.translate.y"),
        ],
    ),
    "gpt, expression as a line of the node": (
        "Set the expression in Blur1:\n" + fenced("size {{sin(frame)}}\n", ""),
        [("expression", "sin(frame)", "Blur1.size")],
    ),
    "gemini, node and knob apart": (
        "On `Switch1`, right-click `which` and choose *Set expression*:\n" + fenced("frame >= 1050\n", ""),
        [("expression", "frame >= 1050", "Switch1.which")],
    ),
    "gpt, answer in JSON": (
        json.dumps({"explanation": "Blurs.", "code": "import nuke\nnuke.createNode('Blur')\n"}),
        [("python", "import nuke\nnuke.createNode('Blur')\n", "")],
    ),
    "llama, call written out": (
        '<tool_call>\n{"name": "run_python", "arguments": {"code": "import nuke\\nnuke.createNode(\'Blur\')"}}\n</tool_call>',
        [("python", "import nuke\nnuke.createNode('Blur')\n", "")],
    ),
    "llama, call in a json fence": (
        "I will run:\n```json\n" + json.dumps({"tool": "x", "parameters": {"script": "nuke.createNode('Dot')"}}) + "\n```",
        [("python", "nuke.createNode('Dot')\n", "")],
    ),
    "gpt, unbalanced python": (
        fenced("import nuke\nfor n in nuke.allNodes()\n    print(n)\n"),
        [("python", "import nuke\nfor n in nuke.allNodes()\n    print(n)\n", "")],
    ),
    "german prose, the knob before the node": (
        "Trage beim Knob **size** von **Blur1** folgenden Ausdruck ein:\n\n```\nclamp(frame/100)\n```\n",
        [("expression", "clamp(frame/100)", "Blur1.size")],
    ),
    "japanese prose": (
        "`Transform1` \u306e `rotate` \u306b\u6b21\u306e\u5f0f\u3092\u8a2d\u5b9a\u3057\u307e\u3059\u3002\n\n"
        "```\nsin(frame/10)*45\n```\n",
        [("expression", "sin(frame/10)*45", "Transform1.rotate")],
    ),
    "french prose": (
        "Ajoutez cette expression sur `Grade1.white` :\n\n```\ncurve * 2\n```\n",
        [("expression", "curve * 2", "Grade1.white")],
    ),
    "a node without a number": (
        "Set this expression on `MergeGround.mix`:\n\n```\nframe / 100\n```\n",
        [("expression", "frame / 100", "MergeGround.mix")],
    ),
    "words that are no knob behind a node": (
        "Select Blur1 first and set this expression on its `size`:\n\n```\nframe / 100\n```\n",
        [("expression", "frame / 100", "Blur1.size")],
    ),
    "an expression that cannot be read": (
        "On Denoise1.disable, use:\n\n```expression\n$gui ? 1 :\n```\n",
        [("expression", "$gui ? 1 :", "Denoise1.disable")],
    ),
    "python for the machine, not for nuke": (
        "```python\nimport os\n\nwith open(os.path.expanduser('~/.nuke/init.py'), 'a') as f:\n    f.write('x')\n```\n",
        [("python", "import os\n\nwith open(os.path.expanduser('~/.nuke/init.py'), 'a') as f:\n    f.write('x')", "")],
    ),
    "gemini, the fence ends a line of code": (
        "```python\nimport nuke\nnuke.createNode('Blur')```",
        [("python", "import nuke\nnuke.createNode('Blur')\n", "")],
    ),
}

#: Answers in which there is nothing to run.
EMPTY = {
    "inline code": "Call `nuke.toNode('Blur1')` to get the node; nuke.selectedNode() gives the selected one.",
    "shell": "```bash\npip install numpy\ncd ~/.nuke && ls\n```",
    "shell without a language": "```\npip install nuke-tools\nexport NUKE_PATH=/tools\n```",
    "console": "```console\n$ Nuke15.1 -t script.py\n```",
    "json": '```json\n{"Blur1": {"size": 10}}\n```',
    "json without a language": '```\n{"nodes": ["Blur1", "Grade1"]}\n```',
    "traceback": (
        "```\nTraceback (most recent call last):\n  File \"<string>\", line 2, in <module>\n    nuke.toNode('x')['y']\n"
        "TypeError: 'NoneType' object is not subscriptable\n```"
    ),
    "output": "It prints:\n```\nRead1 /shots/a.exr 1001-1100\nRead2 /shots/b.exr 1001-1050\n```",
    "output of nodes": "```text\nGrade1: white 2.0\nBlur1: size 10\n```",
    "python about something else": "```python\nprint('hello')\n```",
    "signature": "The signature is\n```python\nnuke.createNode(node, args='', inpanel=True) -> Node\n```",
    "prose": "Your Blur1 is slow because its size is animated. First, crop the box. Then render again.",
    "table": "| node | class |\n|---|---|\n| Blur1 | Blur |\n",
    "css": "```css\nNode {\n  color: red;\n  margin: 0;\n}\n```",
    "c sharp": "```\npublic class Foo {\n  int a;\n}\n```",
    "yaml": "```yaml\nnuke:\n  version: 15.1\n```",
    "prose in a fence": "```\nPlease use nuke.toNode to find the node and then set its knob to five by hand.\n```",
    "xml": "```xml\n<nuke.panel id='x'/>\n```",
    "numbers": "The values:\n```\n1 2 3\n4 5 6\n```",
    "nothing": "",
}


@pytest.mark.parametrize("name", ANSWERS)
def test_finding_reads_an_answer_as_a_model_writes_it(name):
    answer, expected = ANSWERS[name]
    found = find_proposals(answer, title="AI: test")
    assert [(each.kind, each.code.rstrip("\n"), each.target) for each in found] == [
        (kind, code.rstrip("\n"), knob) for kind, code, knob in expected
    ]
    assert not any(each.doubt for each in found)
    assert {each.title for each in found} <= {"AI: test"}


@pytest.mark.parametrize("name", EMPTY)
def test_finding_proposes_nothing_where_there_is_nothing_to_run(name):
    assert find_proposals(EMPTY[name]) == []


@pytest.mark.parametrize("cut", [True, False])
def test_half_a_block_is_shown_and_not_run(cut):
    (found,) = find_proposals("Here:\n```python\nimport nuke\nfor n in nuke.allNodes():\n    n['la", is_cut=cut)
    assert found.kind == "python"
    assert "cut off" in found.doubt


def test_a_block_cut_in_its_closing_fence_loses_the_fence():
    (found,) = find_proposals("```python\nnuke.createNode('Blur')\n``", is_cut=True)
    assert found.code == "nuke.createNode('Blur')\n"
    assert found.doubt


def test_unmarked_code_at_the_end_of_a_cut_answer_is_doubtful():
    (cut,) = find_proposals("import nuke\nnuke.createNode('Blur')", is_cut=True)
    assert "cut off" in cut.doubt
    (whole,) = find_proposals("import nuke\nnuke.createNode('Blur')")
    assert not whole.doubt


def test_whole_blocks_of_a_cut_answer_stay_whole():
    whole, half = find_proposals(fenced(BLACK) + "Or, instead:\n```python\nimport nuke\nnuke.crea", is_cut=True)
    assert not whole.doubt
    assert half.doubt


def test_a_forgotten_closing_fence_ends_where_the_next_one_begins():
    first, second = find_proposals(
        "```python\nimport nuke\nnuke.createNode('Blur')\n\nOr instead:\n```python\nimport nuke\nnuke.createNode('Dot')\n```\n"
    )
    assert first.doubt
    assert second.code == "import nuke\nnuke.createNode('Dot')\n"
    assert not second.doubt


def test_left_out_code_is_doubtful_and_the_line_is_named():
    (found,) = find_proposals(fenced("import nuke\n# ... existing code ...\nnuke.createNode('Blur')\n"))
    assert "line 2" in found.doubt
    (sound,) = find_proposals(fenced("import nuke\nclass A:\n    ...\nnuke.createNode('Blur')\n"))
    assert not sound.doubt


@pytest.mark.parametrize(
    "words",
    [
        "I apologize for the confusion! Here's the corrected version:",
        "Fixed version:",
        "Hier ist die korrigierte Version:",
        "\u4fee\u6b63\u7248\u3067\u3059\uff1a",
    ],
)
def test_what_the_answer_goes_on_to_correct_is_shown_and_not_run(words):
    first, second = find_proposals(
        fenced("import nuke\nnuke.createNode('Bluer')\n") + words + "\n\n" + fenced("import nuke\nnuke.createNode('Blur')\n")
    )
    assert "correct" in first.doubt
    assert (second.doubt, second.is_alternative) == ("", False)


@pytest.mark.parametrize("words", ["Then give the Blur a fixed size:", "Add a second, for the color correction:"])
def test_words_for_something_else_do_not_take_a_script_back(words):
    found = find_proposals(fenced("import nuke\nnuke.createNode('Blur')\n") + words + "\n\n" + fenced(BLACK))
    assert not any(each.doubt for each in found)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("Alternatively:", True),
        ("### Option 2", True),
        ("Oder als Variante mit Defocus:", True),
        ("\u307e\u305f\u306f\uff1a", True),
        ("And for the reads:", False),
    ],
)
def test_another_way_of_the_same_is_marked(words, expected):
    found = find_proposals(fenced("import nuke\nnuke.createNode('Blur')\n") + words + "\n\n" + fenced(BLACK))
    assert [each.is_alternative for each in found] == [False, expected]


def test_an_expression_for_no_knob_is_doubtful_unless_the_question_names_it():
    answer = "Use this expression:\n" + fenced("sin(frame)\n", "")
    (found,) = find_proposals(answer)
    assert "which knob" in found.doubt
    (aimed,) = find_proposals(answer, target="Blur3.size")
    assert (aimed.target, aimed.doubt) == ("Blur3.size", "")


def test_a_diff_is_applied_to_the_script_it_was_made_for():
    base = ScriptProposal("python", BLACK, "AI: before")
    patch = (
        "```diff\n--- a.py\n+++ b.py\n@@ -3,2 +3,3 @@\n for n in nuke.allNodes('Read'):\n-    n['on_error'].setValue('black')\n"
        "+    n['on_error'].setValue('hold')\n+    n['cacheLocal'].setValue('never')\n```\n"
    )
    (found,) = find_proposals("Change it like this:\n" + patch, earlier=[base])
    assert found.code == BLACK.replace("'black')\n", "'hold')\n    n['cacheLocal'].setValue('never')\n")
    assert not found.doubt
    (again,) = find_proposals("Change it like this:\n" + patch, earlier=[base, ScriptProposal("python", "import nuke\n")])
    assert again.code == found.code


def test_a_diff_without_places_and_indentation_is_applied_too():
    patch = "```diff\n-n['on_error'].setValue('black')\n+n['on_error'].setValue('hold')\n```\n"
    (found,) = find_proposals(patch, earlier=[ScriptProposal("python", BLACK)])
    assert found.code == BLACK.replace("black", "hold")


def test_a_diff_to_a_block_of_the_same_answer_is_applied():
    answer = (
        fenced(BLACK)
        + "Or, to hold the frame instead:\n"
        + "```diff\n-    n['on_error'].setValue('black')\n+    n['on_error'].setValue('hold')\n```\n"
    )
    _, changed = find_proposals(answer)
    assert changed.code == BLACK.replace("black", "hold")


def test_a_diff_of_something_unknown_is_shown_and_not_run():
    patch = "```diff\n@@\n-nuke.createNode('Blur')\n+nuke.createNode('Defocus')\n```\n"
    (found,) = find_proposals(patch, earlier=[ScriptProposal("python", BLACK)])
    assert "not found" in found.doubt


def test_calls_of_tools_are_proposals():
    call = ToolCall("1", "run_script", json.dumps({"code": "for n in nodes:\n    print(n)\n", "language": "python"}))
    (found,) = find_proposals("I will run it.", tool_calls=[call, ToolCall("2", "list_nodes", '{"class": "Read"}')])
    assert found.kind == "python"
    assert found.code == "for n in nodes:\n    print(n)\n"


def test_a_cut_call_is_doubtful():
    (found,) = find_proposals("", tool_calls=[ToolCall("1", "run", '{"code": "import nuke\\nnuke.createNode(\'Bl')])
    assert found.code == "import nuke\nnuke.createNode('Bl\n"
    assert found.doubt


def test_a_call_may_hold_nodes_and_an_expression():
    calls = [ToolCall("1", "paste", json.dumps({"nk": SNIPPET})), ToolCall("2", "set", json.dumps({"expression": "frame*2"}))]
    nk, expression = find_proposals("", tool_calls=calls, target="Blur1.size")
    assert (nk.kind, nk.code) == ("nk", SNIPPET)
    assert (expression.kind, expression.target) == ("expression", "Blur1.size")


def test_the_sentence_before_a_block_is_its_note():
    (found,) = find_proposals("Hello.\n\nIt is simple. This **sets** every `Read` to black:\n\n" + fenced(BLACK))
    assert found.note == "This sets every Read to black"


def test_a_note_keeps_the_names_in_it_and_takes_no_table():
    code = "```python\nimport nuke\nnuke.nodes.Blur()\n```"
    (found,) = find_proposals(f"Blurs **clean_plate** and `__init__`:\n\n{code}")
    assert found.note == "Blurs clean_plate and init"
    (found,) = find_proposals(f"| node | knob |\n|---|---|\n| Blur1 | size |\n\n{code}")
    assert found.note == ""


def test_a_note_tells_what_was_changed_to_make_code_readable():
    (found,) = find_proposals(fenced("import nuke\nnuke.createNode(\u201cBlur\u201d)\n"))
    assert "quotes were made straight" in found.note


_PIECES = st.sampled_from(
    [
        "```",
        "````",
        "~~~",
        "```python\n",
        "```diff\n",
        "\n",
        "\r\n",
        "    ",
        "\t",
        "> ",
        "- ",
        "import nuke\n",
        "nuke.createNode('Blur')\n",
        "Grade {\n",
        "}\n",
        "{",
        "[",
        ">>> ",
        "... ",
        "1: ",
        "&lt;",
        "\u201c",
        "@@ -1 +1 @@\n",
        "+a\n",
        "-b\n",
        "kernel A : ",
        "<think>",
        "</think>",
        '{"code": "',
        "\\u12",
        '"""',
        "set x [",
        "Blur1.size: ",
        "expression ",
        "end_group\n",
        "\0",
        "\ud800",
        "<pre>",
        "Group {\n",
    ]
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.one_of(_PIECES, st.text(max_size=20)), max_size=30).map("".join), st.booleans())
def test_finding_raises_nothing_and_finds_the_same_again(answer, cut):
    found = find_proposals(
        answer, is_cut=cut, tool_calls=[ToolCall("1", "run", answer)], earlier=[ScriptProposal("python", BLACK)]
    )
    assert found == find_proposals(
        answer, is_cut=cut, tool_calls=[ToolCall("1", "run", answer)], earlier=[ScriptProposal("python", BLACK)]
    )
    assert all(each.code.strip() for each in found)


@pytest.mark.parametrize(
    "piece",
    [
        "```python\nnuke.a()\n```\n",
        "```\n",
        "`",
        "<think>",
        "nuke.a(\n",
        "Grade {\n white 2\n",
        "> ",
        "- ",
        "{",
        '{"code": "a',
        "@@\n+nuke.a()\n-b\n",
        "Or\n```python\nx = nuke.a(x)\n```\n",
        "Set the expression on Blur1 size to\n```\nframe/10\n```\n",
        "A.b ",
        "&lt;",
        "kernel a : ",
    ],
)
def test_a_megabyte_of_answer_takes_no_more_than_its_share(piece):
    began = time.monotonic()
    find_proposals(piece * (1_000_000 // len(piece)))
    # A search that looks back over the answer for each of its lines would take minutes.
    assert time.monotonic() - began < 25.0


def test_the_reference_answers_are_found_with_a_fence_and_without(shared):
    lines = (shared / "tasks" / "open.jsonl").read_text(encoding="utf-8").splitlines()
    answers = [task["reference_python"] for task in map(json.loads, lines) if task.get("reference_python")]
    assert len(answers) > 20
    for code in answers:
        (marked,) = find_proposals(f"Here it is:\n```python\n{code}\n```\nDone.")
        (bare,) = find_proposals(f"Here it is:\n\n{code}\n\nThat is all there is to it.")
        assert marked.kind == bare.kind
        assert marked.code.strip() == bare.code.strip() == code.strip()


def test_what_not_to_do_is_shown_and_not_run():
    wrong = fenced("import nuke\nnuke.toNode('Blur1').size = 3\n")
    right = fenced("import nuke\nnuke.toNode('Blur1')['size'].setValue(3)\n")
    first, second = find_proposals(f"**Don't do this:**\n{wrong}\nDo this instead:\n{right}")
    assert "not to do" in first.doubt
    assert not second.doubt
    for said in ("Before you run it, save your script:", "Don't forget to select a node:", "Instead of a loop, use this:"):
        (sound,) = find_proposals(f"{said}\n{right}")
        assert not sound.doubt
    before, after = find_proposals(f"Before:\n{wrong}\nAfter:\n{right}")
    assert before.doubt
    assert not after.doubt


@pytest.mark.parametrize("answer", ["frame*2", "`frame*2`", "```\nframe*2\n```", "```tcl\nframe*2\n```"])
def test_the_bare_answer_to_a_question_about_a_knob_is_its_expression(answer):
    (found,) = find_proposals(answer, target="Blur1.size")
    assert (found.kind, found.code, found.target, found.doubt) == ("expression", "frame*2", "Blur1.size", "")
    assert find_proposals("I cannot do that.", target="Blur1.size") == []


def test_nodes_with_a_part_left_out_are_doubtful():
    (found,) = find_proposals(fenced("Grade {\n white 2\n ...\n name Grade1\n}\n", "nk"))
    assert "left out (line 3" in found.doubt
