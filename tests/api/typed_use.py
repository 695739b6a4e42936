"""What a type checker makes of the public face, in the hands of a user. mypy reads this in ``make check``; it is never run."""

from __future__ import annotations

from typing import Union

from typing_extensions import assert_type

from nuke_ai_panel import (
    APIError,
    ChatCompletion,
    CheckpointError,
    Embedding,
    acompletions_as_finished,
    run_async,
    run_batch,
)

from nuke_ai_panel import Nonsense  # type: ignore[attr-defined]  # isort: skip
from nuke_ai_panel.api.chunks import ChatChunk
from nuke_ai_panel.api.responses import ChatResponse
from nuke_ai_panel.api.streams import Stream
from nuke_ai_panel.batch.records import BatchRecord

messages = [{"role": "user", "content": "x"}]
answer = ChatCompletion.create(model="ollama/m", messages=messages, temperature=1)
assert_type(answer.choices[0].message.content, Union[str, None])
for piece in ChatCompletion.create(model="ollama/m", messages=[*messages, answer.choices[0].message], stream=True):
    assert_type(piece.choices[0].delta.content, Union[str, None])
either = ChatCompletion.create(model="ollama/m", messages=messages, stream=bool(messages))
assert_type(either, Union[ChatResponse, Stream[ChatChunk]])
assert_type(Embedding.create(model="ollama/m", input=["x"]).data[0].embedding, tuple[float, ...])
assert_type(run_batch([{"model": "ollama/m", "messages": messages}])[0].response, Union[ChatResponse, None])
ChatCompletion.create(model="ollama/m", messages=[], temprature=1)  # type: ignore[call-overload]


async def ask() -> int:
    async for one in await ChatCompletion.acreate(model="ollama/m", messages=messages, stream=True):
        assert_type(one, ChatChunk)
    async for record in acompletions_as_finished([{"model": "ollama/m", "messages": messages}]):
        assert_type(record, BatchRecord)
    return len((await ChatCompletion.acreate(model="ollama/m", messages=messages)).choices)


assert_type(run_async(ask), int)
assert_type(run_async(ask()), int)
try:
    print(answer, Nonsense)
except (CheckpointError, APIError) as error:
    assert_type(error, Union[CheckpointError, APIError])
