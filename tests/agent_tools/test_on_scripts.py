"""The tools on real scripts, on big ones, and on both hosts."""

from __future__ import annotations

import asyncio
import json

import pytest

from nuke_ai_panel import nk
from nuke_ai_panel.agent.tools import Toolbox
from nuke_ai_panel.agent.tools.marking import BEGIN, END
from nuke_ai_panel.errors import NkError
from nuke_ai_panel.hosts.document_host import DocumentHost
from nuke_ai_panel.hosts.nuke_host import NukeHost
from nuke_ai_panel.messages import ToolCall
from nuke_ai_panel.scripting.applying import apply

CALLS = (
    ("create_node", {"class": "Blur", "name": "More", "inputs": ["Look"], "knobs": {"size": 3, "label": 'it\'s "soft"\nx'}}),
    ("connect", {"node": "Comp", "input": "A", "source": "More"}),
    ("set_knobs", {"node": "Look", "knobs": {"gamma": [1, 2, 3, 4], "mix": 0.5, "disable": True, "tile_color": "#336699"}}),
    ("set_knob", {"node": "Comp", "knob": "operation", "value": "plus"}),
    ("set_expression", {"node": "Soft", "knob": "size", "expression": "frame/20"}),
    (
        "set_keys",
        {
            "node": "Look",
            "knob": "add",
            "keys": [{"frame": 1, "value": 0}, {"frame": 9, "value": 1}],
            "interpolation": "linear",
        },
    ),
    ("insert_between", {"source": "Comp", "target": "Out", "class": "Saturation"}),
    ("create_node", {"class": "Blur", "name": "Inside", "group": "Tools", "inputs": ["Tools.Inner"]}),
    ("disconnect", {"node": "Comp", "input": 0}),
    ("rename_node", {"node": "Soft", "name": "Softer"}),
    ("move_nodes", {"nodes": ["Softer", "Look"], "dx": 5, "dy": 5}),
    ("add_backdrop", {"nodes": ["Softer", "Look"], "label": "looks"}),
    ("delete_node", {"node": "Plate"}),
    ("group_nodes", {"nodes": ["Softer", "Look"], "name": "Looks"}),
)


async def applied_to(host):
    box = Toolbox(host)
    plan = await box.plan([ToolCall(f"c{place}", name, json.dumps(value)) for place, (name, value) in enumerate(CALLS)])
    assert not plan.problems, [answer.text for answer in plan.problems.values()]
    applied = apply(plan.proposal, host)
    assert applied.result.ok, applied.result.error
    return nk.loads(host.snapshot())


async def test_both_hosts_come_to_the_same(script):
    by_document = await applied_to(DocumentHost(nk.loads(script)))
    by_nuke = await applied_to(NukeHost(nk.emulate(nk.loads(script))))
    assert not nk.diff(by_document, by_nuke)
    looks = by_document.node("Looks")
    assert by_document.node("More").inputs == (looks,)
    assert by_document.node("Tools.Inside").inputs == (by_document.node("Tools.Inner"),)
    assert by_document.find("Plate") is None


class Snapshot:
    """A host that can be read."""

    def __init__(self, data):
        self.data = data
        self.reads = 0

    def snapshot(self):
        self.reads += 1
        return self.data


def questions(document):
    yield from (("graph_outline", {}), ("get_errors", {}), ("list_files", {}), ("list_backdrops", {}))
    yield from (("get_script_settings", {}), ("find_text", {"text": "e"}))
    for path, node in list(document.paths())[:8]:
        yield "get_node", {"node": path}
        if node.knobs:
            yield "get_knobs", {"node": path, "knobs": list(node.knobs)[:3], "frames": [1, 10]}


async def test_real_scripts_are_read_within_the_budget(corpus):
    scripts = sorted(corpus.rglob("*.nk"))[::9]
    assert scripts
    for path in scripts:
        data = path.read_bytes()
        try:
            document = nk.loads(data)
        except NkError:
            continue
        box = Toolbox(Snapshot(data))
        await box.offered()
        for name, arguments in questions(document):
            answer = await box.answer(ToolCall("c", name, json.dumps(arguments)))
            assert not answer.is_error, (path.name, name, arguments, answer.text)
            assert len(answer.text) < 11_000, (path.name, name, arguments)
            assert answer.text.count(BEGIN) == answer.text.count(END) == 1


def big():
    nodes = b"".join(
        b'Blur {\n inputs 0\n size {{Blur%d.size+1}}\n label "number %d"\n name Blur%d\n}\n' % (each + 1, each, each)
        for each in range(1, 8001)
    )
    return b"version 15.1 v3\nRoot {\n name x.nk\n}\n" + nodes


async def test_loop_goes_on_while_a_big_script_is_searched():
    box = Toolbox(Snapshot(big()))
    await box.offered()
    beats = 0

    async def beat():
        nonlocal beats
        while True:
            await asyncio.sleep(0)
            beats += 1

    beating = asyncio.ensure_future(beat())
    await asyncio.sleep(0)
    before = beats
    answer = await box.answer(ToolCall("c", "find_text", '{"text": "nowhere to be found"}'))
    beating.cancel()
    with pytest.raises(asyncio.CancelledError):
        await beating
    assert "(not found)" in answer.text
    assert beats > before


async def test_cancelled_search_leaves_the_toolbox_usable():
    host = Snapshot(big())
    box = Toolbox(host)
    await box.offered()
    asking = asyncio.ensure_future(box.answer(ToolCall("c", "find_text", '{"text": "nowhere to be found"}')))
    await asyncio.sleep(0)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    # The worker may still be reading, so the script is read anew.
    answer = await box.answer(ToolCall("c", "get_node", '{"node": "Blur7"}'))
    assert host.reads == 2
    assert "expression of size[0]: Blur8.size+1" in answer.text
