"""A batch of N is N single calls, field by field, whatever the requests are and on both wires."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nuke_ai_panel import ChatCompletion, NukeAIPanelError
from nuke_ai_panel.batch import run_batch

TOOL = {"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}
PIXEL = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="

words = st.lists(st.sampled_from(["blur", "grade", "call", "cut", "status=403", "status=500", "merge"]), min_size=1, max_size=4)
prompts = words.map(" ".join)
contents = st.one_of(
    prompts,
    prompts.map(lambda text: [{"type": "text", "text": text}, {"type": "image_url", "image_url": {"url": PIXEL}}]),
)
turns = st.one_of(
    contents.map(lambda content: [{"role": "user", "content": content}]),
    contents.map(lambda content: [{"role": "system", "content": "Be short."}, {"role": "user", "content": content}]),
    st.just([{"role": "nobody", "content": "x"}]),
    st.just([]),
)
options = st.fixed_dictionaries(
    {},
    optional={
        "temperature": st.sampled_from([0, 0.5, 1, 7, "hot"]),
        "max_tokens": st.sampled_from([1, 100, -1]),
        "seed": st.integers(0, 5),
        "stop": st.sampled_from(["END", ["a", "b"]]),
        "tools": st.sampled_from([[TOOL], [{"type": "function"}]]),
        "response_format": st.sampled_from(["json", {"type": "json_object"}, {"type": "poem"}]),
        "unheard_of": st.just(1),
        "stream": st.just(False),
    },
)


@st.composite
def requests(draw):
    model = draw(st.sampled_from(["ollama/toy", "openai/toy", "ollama/toy", "openai/toy", "nobody/toy"]))
    return {"model": model, "messages": draw(turns), "max_retries": 0, **draw(options)}


def alone(request):
    """What one call makes of the request."""
    try:
        return outcome(ChatCompletion.create(**request), None)
    except NukeAIPanelError as error:
        return outcome(None, error)


def outcome(response, error):
    """The answer without what is new with every call, or everything that the error says."""
    if error is not None:
        told = {name: value for name, value in vars(error).items() if not name.startswith("__")}
        # The one thing that names the call itself.
        told["text"], told["message"] = (
            said.replace("ChatCompletion.acreate", "ChatCompletion.create") for said in (str(error), error.message)
        )
        return type(error), {
            name: value for name, value in told.items() if name != "allowed" or told.get("field") != "unheard_of"
        }
    told = response.to_dict()
    del told["created"]
    if response.provider == "ollama":
        # Its wire has no identifiers, so each answer gets one of its own.
        del told["id"]
    return type(response), told


@pytest.fixture
def known_server(server, ask):
    """The server after its first answers: how much context a model gets is said once, with the first of them."""
    for model in ("ollama/toy", "openai/toy"):
        ChatCompletion.create(**ask(model, "first"))
    return server


@settings(
    max_examples=60, derandomize=True, deadline=None, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(batch=st.lists(requests(), min_size=1, max_size=6), concurrency=st.integers(1, 6))
def test_batch_equals_single_calls(known_server, batch, concurrency):
    known_server.asked.clear()
    singles = [alone(request) for request in batch]
    sent_alone = sorted(repr(sorted(each.body.items())) for each in known_server.asked)
    known_server.asked.clear()
    records = run_batch(batch, concurrency=concurrency)
    assert [outcome(record.response, record.error) for record in records] == singles
    # The same bytes went to the server too.
    assert sorted(repr(sorted(each.body.items())) for each in known_server.asked) == sent_alone


@pytest.mark.parametrize("text", ["blur merge", "call", "cut", "status=500", "status=403"])
def test_examples_cover_what_they_are_meant_to(server, model, ask, text):
    kind, told = alone({**ask(model, text), "max_retries": 0, "tools": [TOOL]})
    expected = {
        "blur merge": "merge blur ",
        "call": "call ",
        "cut": "StreamInterruptedError",
        "status=500": "ServerError",
        "status=403": "PermissionDeniedError",
    }[text]
    if text.startswith(("cut", "status")):
        assert kind.__name__ == expected
    else:
        message = told["choices"][0]["message"]
        assert message["content"] == expected
        assert bool(message.get("tool_calls")) == (text == "call")
