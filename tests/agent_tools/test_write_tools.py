"""Changes as the model asks for them: what they do to the script, what is refused and how, and what hostile text cannot do."""

from __future__ import annotations

import ast
import asyncio
import json

import pytest

from nuke_ai_panel import nk
from nuke_ai_panel.messages import ToolCall
from nuke_ai_panel.scripting.applying import apply
from nuke_ai_panel.scripting.preflight import preflight
from nuke_ai_panel.scripting.surroundings import Surroundings


async def planned(work, *calls):
    work.box.begin_round()
    asked = [ToolCall(f"c{place}", name, json.dumps(arguments)) for place, (name, arguments) in enumerate(calls)]
    return await work.box.plan(asked)


async def done(work, *calls):
    """The document after the calls were proposed, checked and applied as one step."""
    plan = await planned(work, *calls)
    assert not plan.problems, [answer.text for answer in plan.problems.values()]
    found = preflight(plan.proposal, Surroundings.of(work.host.snapshot()))
    assert not found.problems
    applied = apply(plan.proposal, work.host)
    assert applied.result.ok, applied.result.error
    return work.host.document


async def refused(work, *calls):
    plan = await planned(work, *calls)
    assert plan.proposal is None
    assert set(plan.problems) == {f"c{place}" for place in range(len(calls))}
    assert work.is_untouched
    return plan.problems[f"c{len(calls) - 1}"].text


# what each does


async def test_create_node_with_inputs_knobs_and_a_free_place(bench):
    document = await done(
        bench(), ("create_node", {"class": "Merge2", "inputs": ["Look", "Plate"], "knobs": {"operation": "over", "mix": 0.25}})
    )
    (made,) = [node for node in document.nodes_of_class("Merge2") if node.name != "Comp"]
    assert made.inputs == (document.node("Look"), document.node("Plate"))
    assert made.knob("mix") == "0.25"
    others = [nk.graph.rectangle(node) for node in document.nodes() if node is not made and node.class_name != "BackdropNode"]
    own = nk.graph.rectangle(made)
    assert not any(
        own.left < each.right and each.left < own.right and own.top < each.bottom and each.top < own.bottom for each in others
    )


async def test_create_node_at_a_place_and_inside_of_a_group(bench):
    work = bench()
    document = await done(
        work,
        ("create_node", {"class": "Blur", "name": "Here", "x": 500, "y": -20}),
        ("create_node", {"class": "Blur", "name": "There", "group": "Tools", "inputs": ["Tools.Inner"]}),
    )
    assert (document.node("Here").xpos, document.node("Here").ypos) == (500, -20)
    assert document.node("Tools.There").inputs == (document.node("Tools.Inner"),)
    assert document.find("There") is None


async def test_class_whose_name_is_no_python_name_is_made(bench):
    document = await done(bench(), ("create_node", {"class": "OFXuk.co.thefoundry.keylight.keylight_v201", "name": "Key"}))
    assert document.node("Key").class_name == "OFXuk.co.thefoundry.keylight.keylight_v201"


@pytest.mark.parametrize(("wanted", "made"), [("Merge", "Merge2"), ("grade", "Grade"), ("Shuffle", "Shuffle2")])
async def test_name_of_the_menu_makes_the_class_that_is_meant(bench, wanted, made):
    document = await done(bench(), ("create_node", {"class": wanted, "name": "New"}))
    assert document.node("New").class_name == made


async def test_set_knob_takes_what_models_write(bench):
    document = await done(
        bench(),
        ("set_knob", {"node": "Look", "knob": "gamma", "value": "1.5"}),
        ("set_knob", {"node": "Look", "knob": "multiply", "value": [1, 0.5, 0.25, 1]}),
        ("set_knob", {"node": "Comp", "knob": "operation", "value": "over"}),
        ("set_knob", {"node": "Comp", "knob": "disable", "value": "true"}),
        ("set_knob", {"node": "Look", "knob": "tile_color", "value": "#ff8000"}),
        ("set_knobs", {"node": "Out", "knobs": {"label": "final", "first": 1001, "use_limit": True}}),
        ("set_knob", {"node": "Tools.Inner", "knob": "saturation", "value": 0.75}),
        ("set_knob", {"node": "root", "knob": "fps", "value": 25}),
    )
    look = document.node("Look")
    assert look.knob("gamma") == "1.5"
    assert look.knob("multiply") == "{1 0.5 0.25 1}"
    assert look.knob("tile_color") == "0xff8000ff"
    assert document.node("Comp").knob("operation") in (None, "over")
    assert document.node("Comp").knob("disable") == "true"
    assert document.node("Out").knob("label") == "final"
    assert document.node("Tools.Inner").knob("saturation") == "0.75"
    assert document.root_node.knob("fps") == "25"


async def test_expressions_and_keys(bench):
    document = await done(
        bench(),
        ("set_expression", {"node": "Soft", "knob": "size", "expression": "parent.Look.mix*10"}),
        ("set_expression", {"node": "Look", "knob": "gamma", "expression": "{frame/100}", "channel": "g"}),
        (
            "set_keys",
            {
                "node": "Look",
                "knob": "mix",
                "keys": [{"frame": 1001, "value": 0}, {"frame": 1010, "value": 1}],
                "interpolation": "linear",
            },
        ),
    )
    assert nk.expressions.knob_number(document.node("Look"), "mix", frame=1005.5).number == pytest.approx(0.5)
    assert nk.expressions.knob_number(document.node("Look"), "gamma", 1, frame=50).number == pytest.approx(0.5)
    assert nk.expressions.knob_number(document.node("Look"), "gamma", 0, frame=50).number == 1
    assert "parent.Look.mix*10" in document.node("Soft").knob("size")


async def test_connect_disconnect_and_insert(bench):
    document = await done(
        bench(),
        ("connect", {"node": "Comp", "input": "mask", "source": "Plate"}),
        ("disconnect", {"node": "Comp", "input": "A"}),
        ("insert_between", {"source": "Comp", "target": "Out", "class": "Saturation", "knobs": {"saturation": 0}}),
    )
    comp = document.node("Comp")
    assert comp.inputs == (document.node("Plate"), None, document.node("Plate"))
    assert document.node("Out").inputs[0].class_name == "Saturation"
    assert document.node("Out").inputs[0].inputs == (comp,)


async def test_existing_node_is_put_between(bench):
    work = bench()
    await done(work, ("create_node", {"class": "Blur", "name": "Loose"}))
    document = await done(work, ("insert_between", {"source": "Comp", "target": "Out", "node": "Loose"}))
    assert document.node("Out").inputs == (document.node("Loose"),)
    assert document.node("Loose").inputs == (document.node("Comp"),)


async def test_delete_rename_move(bench):
    document = await done(
        bench(),
        ("delete_node", {"node": "Look"}),
        ("rename_node", {"node": "Soft", "name": "Softer"}),
        ("move_nodes", {"nodes": ["Softer", "Comp"], "dx": 100, "dy": -10}),
        ("move_nodes", {"nodes": ["Out", "Plate"], "x": 700, "y": 800}),
    )
    assert document.find("Look") is None
    assert document.node("Comp").inputs[1] is document.node("Softer")
    assert (document.node("Softer").xpos, document.node("Softer").ypos) == (100, 50)
    assert (document.node("Comp").xpos, document.node("Comp").ypos) == (100, 170)
    assert (document.node("Out").xpos, document.node("Out").ypos) == (700, 800)
    assert (document.node("Plate").xpos, document.node("Plate").ypos) == (700, 560)


async def test_backdrop_encloses_its_nodes_and_group_takes_their_place(bench):
    work = bench()
    document = await done(work, ("add_backdrop", {"nodes": ["Soft", "Look"], "label": "soft look", "color": "#335577"}))
    (made,) = [node for node in document.nodes_of_class("BackdropNode") if node.name != "Backdrop1"]
    assert {"Soft", "Look"} <= {node.name for node in nk.graph.enclosed(made)}
    assert (made.knob("label"), made.knob("tile_color")) == ("soft look", "0x335577ff")
    document = await done(work, ("group_nodes", {"nodes": ["Soft", "Look"], "name": "SoftLook"}))
    group = document.node("SoftLook")
    assert document.node("Comp").inputs[1] is group
    assert {node.class_name for node in nk.graph.inside(group)} == {"Input", "Blur", "Grade", "Output"}


async def test_later_call_uses_what_an_earlier_one_makes_in_one_undo_step(bench):
    work = bench()
    await done(
        work,
        ("create_node", {"class": "Blur", "name": "One", "inputs": ["Plate"]}),
        ("create_node", {"class": "Grade", "name": "Two", "inputs": ["One"]}),
        ("rename_node", {"node": "Two", "name": "Three"}),
        ("set_knob", {"node": "Three", "knob": "gamma", "value": 2}),
        ("run_script", {"code": "import nuke\nnuke.toNode('Three')['mix'].setValue(0.5)"}),
    )
    assert work.host.document.node("Three").knob("mix") == "0.5"
    assert work.host.undo()
    assert work.is_untouched


async def test_title_and_note_say_what_is_done(bench):
    plan = await planned(bench(), ("set_knob", {"node": "Look", "knob": "gamma", "value": 2}))
    assert (plan.proposal.kind, plan.proposal.title) == ("python", "AI: Set gamma of Look")
    assert plan.proposal.note == "Set gamma of Look."
    plan = await planned(bench(), ("run_script", {"code": "import nuke", "title": "Tidy\n the tree"}))
    assert plan.proposal.title == "AI: Tidy the tree"
    assert plan.proposal.code == "import nuke\n"


# what is refused, and how


@pytest.mark.parametrize(
    ("name", "arguments", "words"),
    [
        ("create_node", {"class": "Gradee"}, "did you mean Grade"),
        ("create_node", {"class": "Blur", "name": "Look"}, "There is a node Look already"),
        ("create_node", {"class": "Blur", "name": "not a name"}, "is no node name"),
        ("create_node", {"class": "Blur", "knobs": {"sise": 3}}, "did you mean size"),
        ("create_node", {"class": "Blur", "inputs": ["Loook"]}, "Did you mean Look"),
        ("create_node", {"class": "Blur", "inputs": ["Tools.Inner"]}, "different groups"),
        ("create_node", {"class": "Blur", "group": "Look"}, "not a group"),
        ("create_node", {"class": "Read", "inputs": ["Plate"]}, "has no input, not an input 0"),
        ("set_knob", {"node": "Look", "knob": "gamma_r", "value": 1}, "Grade has no knob 'gamma_r'; did you mean gamma?"),
        ("set_knob", {"node": "Comp", "knob": "operation", "value": "ovr"}, "did you mean 'over'"),
        ("set_knob", {"node": "Look", "knob": "gamma", "value": "high"}, "takes 4 numbers, not high"),
        ("set_knob", {"node": "Look", "knob": "gamma", "value": [1, 2]}, "one number or 4, not 2"),
        ("set_knob", {"node": "Look", "knob": "disable", "value": "maybe"}, "is true or false"),
        ("set_knob", {"node": "Look", "knob": "name", "value": "X"}, "Use rename_node"),
        ("set_knob", {"node": "Look", "knob": "knobChanged", "value": "x"}, "Use run_script"),
        ("set_knob", {"node": "Look", "knob": "label", "value": "[python {nuke.scriptClear()}]"}, "run commands"),
        ("set_knob", {"node": "Out", "knob": "file", "value": "/a/[exec rm x].exr"}, "run commands"),
        ("set_knob", {"node": "Out", "knob": "beforeRender", "value": "import os"}, "Use run_script"),
        ("set_knob", {"node": "Nope", "knob": "x", "value": 1}, "The script has no node Nope"),
        ("set_knobs", {"node": "Look", "knobs": {}}, "is empty"),
        ("set_expression", {"node": "Soft", "knob": "size", "expression": "frame *"}, "is wrong"),
        ("set_expression", {"node": "Soft", "knob": "size", "expression": "Lok.mix"}, "is wrong"),
        ("set_expression", {"node": "Soft", "knob": "size", "expression": "[python -exec {x}]"}, "run commands"),
        ("set_expression", {"node": "Look", "knob": "gamma", "expression": "frame", "channel": 7}, "channels 0 to 3"),
        ("set_keys", {"node": "Out", "knob": "file", "keys": [{"frame": 1, "value": 2}]}, "holds text"),
        ("set_keys", {"node": "Look", "knob": "mix", "keys": []}, "1 to 500 entries"),
        ("set_keys", {"node": "Look", "knob": "mix", "keys": [{"frame": 1}]}, "argument 'value' is missing"),
        ("connect", {"node": "Soft", "input": 0, "source": "Comp"}, "would make a loop"),
        ("connect", {"node": "Soft", "input": 5, "source": "Plate"}, "has inputs 0 to 1"),
        ("connect", {"node": "Comp", "input": "foreground", "source": "Plate"}, "its inputs are 0 (B), 1 (A), 2 (mask)"),
        ("disconnect", {"node": "Comp", "input": 2}, "is not connected"),
        ("insert_between", {"source": "Plate", "target": "Out", "class": "Blur"}, "does not read from"),
        ("insert_between", {"source": "Comp", "target": "Out"}, "Give the class of a new node"),
        ("rename_node", {"node": "Look", "name": "Soft"}, "There is a node Soft already"),
        ("rename_node", {"node": "Look", "name": "1st"}, "is no node name"),
        ("delete_node", {"node": "root"}, "Root is no node"),
        ("move_nodes", {"nodes": []}, "1 to 500 entries"),
        ("group_nodes", {"nodes": ["Tools.Inner"]}, "Only nodes of the root"),
        ("add_backdrop", {"nodes": ["Look", "Tools.Inner"]}, "different groups"),
        ("run_script", {"code": "import nuke\nnuke.toNode('Look'"}, "The script was not proposed."),
        ("run_script", {"code": ""}, "The script was not proposed."),
        ("create_node", {"class": "Blur", "color": "red"}, "there is no argument color"),
    ],
    ids=lambda value: value if isinstance(value, str) and len(value) < 20 else "",
)
def test_wrong_change_is_explained_and_not_proposed(bench, name, arguments, words):
    text = asyncio.run(refused(bench(), (name, arguments)))
    assert text.startswith("Error: ")
    assert words in text


TCL = (
    "[python 1]",
    "[ python 1]",
    "[{python} 1]",
    '["python" 1]',
    "[value a; python 1]",
    "[value a\npython 1]",
    "[if {1} {python 1}]",
    "[value [python 1]]",
    "[expr {[exec id]}]",
    "[file delete /tmp/x]",
    "[knob Look.mix 0]",
    "\\[python 1]",
    "[$x]",
    "[valuepython 1]",
)


@pytest.mark.parametrize("text", TCL)
def test_tcl_that_may_do_more_than_read_is_refused(bench, text):
    for call in (
        ("set_knob", {"node": "Look", "knob": "label", "value": text}),
        ("set_expression", {"node": "Soft", "knob": "size", "expression": text}),
        ("create_node", {"class": "StickyNote", "knobs": {"label": text}}),
        ("add_backdrop", {"nodes": ["Look"], "label": text}),
    ):
        assert "run commands" in asyncio.run(refused(bench(), call))


def test_tcl_that_only_reads_is_a_value(bench):
    text = "[value size] [file rootname [value root.name]] [lindex [split a_b _] 1] [1]"
    plan = asyncio.run(planned(bench(), ("set_knob", {"node": "Look", "knob": "label", "value": text})))
    assert plan.proposal is not None


async def test_script_must_be_the_last_change(bench):
    text = await refused(bench(), ("run_script", {"code": "import nuke"}), ("delete_node", {"node": "Look"}))
    assert "run_script must be the last" in text
    text = await refused(
        bench(), ("delete_node", {"node": "Look"}), ("run_script", {"code": "from __future__ import annotations\nimport nuke"})
    )
    assert "only change" in text


# hostile text

HOSTILE = [
    "'); nuke.scriptClear(); ('",
    '"); import os; os.system("touch /tmp/x"); ("',
    "\\'); nuke.scriptClear() #",
    "line\nnuke.scriptClear()\n",
    "\r\nimport os",
    "''' \"\"\" \\",
    "{nuke.scriptClear()}",
    "%s %(x)s {0}",
    "\u202e)(raelCtpircs.ekun",
    "\u2028nuke.scriptClear()",
    "$env(HOME) ; } {",
    "tab\tand \\N{BULLET} \\x41",
    "\U000e0041 tag",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_stays_a_value(bench, text):
    work = bench()
    calls = (
        ("set_knob", {"node": "Look", "knob": "label", "value": text}),
        ("create_node", {"class": "StickyNote", "name": "Note", "knobs": {"label": text}}),
        ("add_backdrop", {"nodes": ["Look"], "label": text}),
    )
    plan = asyncio.run(planned(work, *calls))
    assert not plan.problems
    code = plan.proposal.code
    # Nothing is called but what the tools call, and the code shows no character that hides.
    called = {node.func.attr for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Call)}
    assert called == {"toNode", "setValue", "StickyNote", "setXYpos", "BackdropNode"}
    assert all(line.isprintable() for line in code.split("\n"))
    applied = apply(plan.proposal, work.host)
    assert applied.result.ok
    document = work.host.document
    written = text.replace("\r\n", "\n")
    assert document.node("Note").knob("label").replace("\r\n", "\n") == written
    assert document.node("Look").knob("label").replace("\r\n", "\n") == written
    assert nk.loads(work.host.snapshot()).node("Note").knob("label").replace("\r\n", "\n") == written


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_names_are_no_names(bench, text):
    for call in (
        ("create_node", {"class": "Blur", "name": text}),
        ("create_node", {"class": text}),
        ("rename_node", {"node": "Look", "name": text}),
        ("set_knob", {"node": text, "knob": "size", "value": 1}),
        ("set_knob", {"node": "Look", "knob": text, "value": 1}),
        ("delete_node", {"node": text}),
        ("group_nodes", {"nodes": ["Look"], "name": text}),
    ):
        said = asyncio.run(refused(bench(), call))
        assert said.isprintable()


async def test_node_of_the_script_with_a_hostile_name_is_found_by_a_literal(bench, script):
    name = "x');nuke.scriptClear();('"
    work = bench(script.replace(b" name Look\n", f' name "{name}"\n'.encode()))
    plan = await planned(work, ("set_knob", {"node": name, "knob": "gamma", "value": 2}))
    called = {node.func.attr for node in ast.walk(ast.parse(plan.proposal.code)) if isinstance(node, ast.Call)}
    assert called == {"toNode", "setValue"}


async def test_numbers_that_are_none_are_refused(bench):
    work = bench()
    work.box.begin_round()
    plan = await work.box.plan([ToolCall("c", "set_knob", '{"node": "Look", "knob": "gamma", "value": NaN}')])
    assert "not finite" in plan.problems["c"].text
    plan = await work.box.plan([ToolCall("c", "set_knob", '{"node": "Look", "knob": "multiply", "value": [1e999, 1, 1, 1]}')])
    assert "not finite" in plan.problems["c"].text
