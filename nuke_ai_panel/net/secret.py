"""Text that works wherever text does, but does not show itself."""

from __future__ import annotations

from typing import Any

from nuke_ai_panel.errors import APIError

__all__ = ["Secret", "keep_out"]


class Secret(str):
    """A key or password. It is its text for every use; ``repr`` masks it, and pickling it is an error.

    ``repr`` is what tracebacks with local variables, debuggers, crash reports and the ``repr`` of whatever holds it are made
    of. ``str`` and formatting give the text: that is how it gets into a header. What is made of it by hand (``key + "x"``) is
    plain text again, so wrap the result.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return "'[key]'" if self else "''"

    def strip(self, chars: str | None = None) -> Secret:
        """Return the secret without blanks at its ends."""
        return Secret(super().strip(chars))

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: object) -> Secret:
        return self

    def __reduce_ex__(self, protocol: object) -> tuple[Any, ...]:
        if not self:
            return Secret, ("",)
        raise TypeError("a key cannot be pickled; read it again from where it is kept")


def keep_out(error: APIError, secret: str) -> None:
    """Take `secret` out of the words of `error`: servers and proxies repeat what they were sent."""
    if len(secret) < 4:
        return
    error.message = error.message.replace(secret, "[key]")
    error.args = (error.message,)
    error.next_step = error.next_step.replace(secret, "[key]")
    error.details = error.details.replace(secret, "[key]")
