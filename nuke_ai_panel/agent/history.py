"""The messages of a conversation, and which of them still go to the model once there are too many.

What the artist has seen stays; what is sent is cut to a number of tokens. The results of tools go first, the oldest first,
because they can be asked for again, then whole turns. Once cut, it stays cut, and a little more than needed: the beginning of a
request then is the same for several prompts, which servers keep in their cache.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from nuke_ai_panel.messages import Message
from nuke_ai_panel.tokens import estimate_messages

__all__ = ["History", "Shortened", "sendable"]

#: How full the room is after a cut.
_AFTER_A_CUT = 0.75
#: Characters of a result that are not worth a cut.
_SHORT = 200
_ENDED = "(The work was ended here.)"


def sendable(messages: Iterable[Message]) -> tuple[Message, ...]:
    """Return `messages` in the order that servers and the templates of models want: user and assistant by turns.

    Prompts that got no answer are joined with the next one, empty answers are left out, and work that was ended after a tool
    has a closing word.
    """
    found: list[Message] = []
    for message in messages:
        last = found[-1] if found else None
        if message.role == "assistant" and not (message.text.strip() or message.tool_calls or message.parts):
            continue
        if message.role == "user" and last is not None and last.role == "tool":
            found.append(Message("assistant", _ENDED))
        elif message.role == "user" and last is not None and last.role == "user":
            found[-1] = replace(last, text=f"{last.text}\n\n{message.text}", parts=(*last.parts, *message.parts))
            continue
        elif message.role == "assistant" and last is not None and last.role == "assistant" and not last.tool_calls:
            found[-1] = replace(message, text=f"{last.text}\n\n{message.text}".strip())
            continue
        found.append(message)
    return tuple(found)


class Shortened:
    """The results of tools, of which the oldest are left out where there is no room; ``count`` is how many."""

    def __init__(self) -> None:
        self.count = 0
        self._until = 0

    def fit(self, messages: Sequence[Message], room: int, *, first: int = 0, keep_last: bool = True) -> list[Message]:
        """Return `messages` so that those from `first` on have about `room` tokens, or with all results left out that may be.

        With `keep_last`, those that the model has not seen yet stay. `messages` may only grow from call to call.
        """
        shown = self.shown(messages)
        total = estimate_messages(shown[first:])
        if total <= room:
            return shown
        end = len(messages)
        if keep_last:
            end = max((place for place, each in enumerate(messages) if each.role == "assistant"), default=end)
        for place in range(max(first, self._until), end):
            if total <= room * _AFTER_A_CUT:
                break
            self._until = place + 1
            short = _without_result(messages[place])
            if short is not messages[place]:
                self.count += 1
                total += estimate_messages([short]) - estimate_messages([shown[place]])
                shown[place] = short
        return shown

    def cut_back(self, length: int) -> None:
        """Take note that only the first `length` messages are left."""
        self._until = min(self._until, length)

    def shown(self, messages: Sequence[Message]) -> list[Message]:
        """Return `messages` without the results that were left out already."""
        return [_without_result(each) if place < self._until else each for place, each in enumerate(messages)]


class History:
    """The messages of one conversation. ``left_out`` counts the turns that are not sent any more, ``shortened`` the results."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.left_out = 0
        self._first = 0
        self._turn = 0
        self._tools = Shortened()
        self._most: int | None = None

    @property
    def shortened(self) -> int:
        """How many results of tools are not sent any more."""
        return self._tools.count

    @property
    def is_shrunk(self) -> bool:
        """Whether less is sent because a server has said that it was too much."""
        return self._most is not None

    def begin_turn(self) -> None:
        """A message of the artist begins a turn."""
        self._turn = len(self.messages)

    def turn(self) -> Sequence[Message]:
        """Return the messages of the last turn."""
        return self.messages[self._turn :]

    def drop_turn(self) -> None:
        """Forget the last turn: it is asked again."""
        del self.messages[self._turn :]
        self._first = min(self._first, len(self.messages))
        self._tools.cut_back(len(self.messages))

    def sent(self, room: int | None = None, *, but: Message | None = None) -> tuple[Message, ...]:
        """Return what goes to the model of the conversation so far, in about `room` tokens, None for no limit.

        `but` is the prompt itself, where it stands at the end already.
        """
        messages = self.messages[:-1] if but is not None and self.messages and self.messages[-1] is but else self.messages
        if self._most is not None:
            room = self._most if room is None else min(room, self._most)
        if room is None:
            return tuple(self._tools.shown(messages)[self._first :])
        shown = self._tools.fit(messages, room, first=self._first, keep_last=False)
        if estimate_messages(shown[self._first :]) > room:
            starts = [place for place, each in enumerate(shown) if each.role == "user" and place > self._first]
            for place in (*starts, len(shown)):
                self.left_out += sum(each.role == "user" for each in shown[self._first : place])
                self._first = place
                if estimate_messages(shown[place:]) <= room * _AFTER_A_CUT:
                    break
        return tuple(shown[self._first :])

    def shrink(self, but: Message | None = None) -> bool:
        """Send half as much from now on, because the server said that it is too much; False where nothing is left to cut."""
        now = estimate_messages(self.sent(but=but))
        if not now:
            return False
        self._most = now // 2
        return True


def _without_result(message: Message) -> Message:
    if message.role != "tool" or len(message.text) <= _SHORT:
        return message
    return replace(message, text=f"(Left out to save room: {len(message.text)} characters. Call the tool again for them.)")
