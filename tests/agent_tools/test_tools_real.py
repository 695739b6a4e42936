"""The agent on a real server: llama.cpp with tiny models, which only the form they are held to makes useful."""

from __future__ import annotations

import urllib.request

import pytest

from nuke_ai_panel import nk
from nuke_ai_panel.agent.decision import Decision
from nuke_ai_panel.agent.limits import Limits
from nuke_ai_panel.agent.session_events import NoticeArrived, RoundBegan, TextArrived, ToolAnswered, ToolCalled
from nuke_ai_panel.agent.tool_loop import run_tools
from nuke_ai_panel.agent.tools import Narrowing, Toolbox
from nuke_ai_panel.hosts.document_host import DocumentHost
from nuke_ai_panel.messages import ChatRequest, Message
from nuke_ai_panel.providers.base import Server
from nuke_ai_panel.providers.openai_provider import OpenaiProvider
from nuke_ai_panel.scripting.applying import apply

CHAT, TOOLS = "http://127.0.0.1:18080/v1", "http://127.0.0.1:18082/v1"
SCRIPT = b"""version 15.1 v3
Root {
 name a.nk
}
Constant {
 inputs 0
 name Plate
}
Write {
 file /nowhere/out.exr
 name Out
}
"""
PROMPT = (Message("system", "You work in Nuke, with tools."), Message("user", "Blur the plate a little."))


def one_of(*words):
    return {"type": "string", "enum": list(words)}


FIRST = {"type": "integer", "enum": [0]}
STEPS = (
    Narrowing(("graph_outline",), bare=True),
    Narrowing(("get_node",), bare=True),
    Narrowing(("create_node",), {"class": one_of("Blur")}, bare=True),
    Narrowing(("connect",), {"node": one_of("Blur1"), "input": FIRST, "source": one_of("Plate")}),
    Narrowing(("connect",), {"node": one_of("Out"), "input": FIRST, "source": one_of("Blur1")}),
    Narrowing(
        ("set_knob",),
        {"node": one_of("Blur1"), "knob": one_of("size"), "value": {"type": "integer", "minimum": 1, "maximum": 99}},
    ),
    Narrowing(("finish",), {"answer": {"type": "string", "maxLength": 60}}),
)


def provider_at(address):
    try:
        with urllib.request.urlopen(f"{address}/models", timeout=2):
            pass
    except OSError:
        pytest.skip(f"no llama.cpp at {address}; tools/start_llamacpp.sh of the shared material starts it")
    return OpenaiProvider(Server(address))


class Work:
    """A host, its toolbox, and what a run tells."""

    def __init__(self, steps=(), consent=True):
        self.host = DocumentHost(nk.loads(SCRIPT))
        self.before = self.host.snapshot()
        self.box = Toolbox(self.host)
        self.steps = steps
        self.box.narrowing = steps[0] if steps else None
        self.consent = consent
        self.events = []
        self.proposals = []

    def emit(self, event):
        self.events.append(event)
        if isinstance(event, RoundBegan) and self.steps:
            self.box.narrowing = self.steps[event.number - 1]

    async def propose(self, proposal):
        self.proposals.append(proposal)
        return Decision(apply(proposal, self.host)) if self.consent else Decision(reason="no")

    async def run(self, provider, model, **fields):
        limits = fields.pop("limits", Limits(rounds=10))
        request = ChatRequest(model, PROMPT, max_tokens=fields.pop("max_tokens", 300), carry_features=True, **fields)
        return await run_tools(provider, request, self.box, limits=limits, emit=self.emit, propose=self.propose)

    def of(self, kind):
        return [event for event in self.events if isinstance(event, kind)]


@pytest.mark.parametrize("seed", range(3))
async def test_tiny_model_completes_an_edit_of_several_steps(seed):
    provider = provider_at(CHAT)
    work = Work(STEPS)
    found = await work.run(provider, "tiny-chat", tool_choice="required", seed=seed)
    await provider.aclose()
    assert (found.ended, found.rounds, found.error) == ("answered", len(STEPS), None)
    names = ["graph_outline", "get_node", "create_node", "connect", "connect", "set_knob", "finish"]
    assert [event.name for event in work.of(ToolCalled)] == names
    # The names of the script are in the schema, so that even this model asks for a node that there is.
    assert not any(event.is_error for event in work.of(ToolAnswered))
    document = work.host.document
    assert document.node("Out").inputs == (document.node("Blur1"),)
    assert document.node("Blur1").inputs == (document.node("Plate"),)
    assert 1 <= int(document.node("Blur1").knob("size")) <= 99
    assert len(work.proposals) == 4
    assert found.text == "".join(event.text for event in work.of(TextArrived))
    assert [event.kind for event in work.of(NoticeArrived)] == ["tools_carried"]
    for _ in work.proposals:
        assert work.host.undo()
    assert work.host.snapshot() == work.before


@pytest.mark.parametrize(("lean", "seeds", "rounds"), [(False, 1, 2), (True, 3, 3)])
async def test_tiny_model_with_all_tools_ends_within_its_limits_and_writes_nothing_unasked(lean, seeds, rounds):
    provider = provider_at(CHAT)
    for seed in range(seeds):
        work = Work(consent=False)
        work.box.lean = lean
        limits = Limits(rounds=rounds)
        found = await work.run(
            provider, "tiny-chat", tool_choice="required", seed=seed, max_tokens=150, limits=limits, temperature=0.8
        )
        assert found.ended in ("rounds", "repeating", "refused", "answered")
        assert work.of(ToolCalled)
        assert len(work.of(ToolCalled)) == len(work.of(ToolAnswered))
        assert work.host.snapshot() == work.before
    await provider.aclose()


async def test_model_with_tools_of_its_own_makes_a_change():
    provider = provider_at(TOOLS)
    step = Narrowing(("set_knob",), {"node": one_of("Out"), "knob": one_of("label"), "value": one_of("soft", "hard")})
    try:
        # This server leaves it to the model whether to call; the seed decides whether this one does.
        for seed in range(30):
            work = Work([step])
            found = await work.run(provider, "tiny-tools", seed=seed, limits=Limits(rounds=1), max_tokens=400)
            assert found.error is None
            if work.proposals:
                break
    finally:
        await provider.aclose()
    assert work.host.document.node("Out").knob("label") in ("soft", "hard")
    assert found.messages[0].tool_calls[0].name == "set_knob"
    assert found.messages[1].text.startswith("Done: set label of Out.")
