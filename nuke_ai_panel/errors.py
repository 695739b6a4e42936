"""Every error this package raises, in one tree.

::

    NukeAIPanelError
    ├── CredentialError             the keyring refused, is locked, or did not answer in time
    ├── NkError                     a .nk document
    │   ├── NkSyntaxError           damaged text: line, column, what was expected
    │   └── EncryptedScriptError    .nknc / .nkind: only Nuke can read it
    ├── HostError                   the host (Nuke, or a document) refused an operation
    │   ├── NodeNotFoundError
    │   ├── KnobNotFoundError
    │   ├── EditionLimitError       this edition of Nuke gives Python too few nodes
    │   ├── NotSimulatedError       the emulated ``nuke`` module was asked for what it does not do
    │   └── ScriptChangedError      the file changed on disk since it was read
    ├── ProposalError               generated work could not be read, checked, dry run or applied
    │   └── CheckpointError         the script or the log could not be kept before a change; nothing has run
    ├── BridgeClosedError           the other side of a bridge between thread and loop has left
    ├── QueueFullError              the task server takes no more questions for now: retry_after
    └── APIError                    what a call can raise: provider, status, kind, partial_text, retry_after
        ├── ValidationError         the request is wrong; nothing was sent        (also ValueError)
        │   └── FileRefusedError    a file may not or cannot be attached
        │       └── PathOutsideRootError   it lies outside of the allowed folders
        ├── SettingsError           a settings file or value cannot be used; nothing was sent
        ├── ConnectionFailedError   name lookup, refused, unreachable, certificate
        ├── RequestTimeoutError     connect, first byte or a short call took too long   (also TimeoutError)
        ├── StreamStalledError      a stream fell silent; partial_text has what came    (also TimeoutError)
        ├── StreamInterruptedError  a stream ended without its terminator
        ├── AuthenticationError     401, or a 400 that speaks of the key
        ├── PaymentRequiredError    402
        ├── PermissionDeniedError   403
        ├── ModelNotFoundError      no such model on this server
        ├── RateLimitError          429; retry_after in seconds where the server said so
        ├── BadRequestError         the server refused what was asked
        ├── ServerError             5xx, or an error object inside an answer
        ├── ProtocolError           the answer is not what this protocol sends (a web page, broken JSON)
        └── UnsupportedFeatureError this model or server cannot do what was asked

A message says what failed and what to do next, in one or two sentences that can be shown as they are. It never holds a key,
a request header or an object of the HTTP library.
"""

from __future__ import annotations

__all__ = [
    "APIError",
    "AuthenticationError",
    "BadRequestError",
    "BridgeClosedError",
    "CheckpointError",
    "ConnectionFailedError",
    "CredentialError",
    "EditionLimitError",
    "EncryptedScriptError",
    "FileRefusedError",
    "HostError",
    "KnobNotFoundError",
    "ModelNotFoundError",
    "NkError",
    "NkSyntaxError",
    "NodeNotFoundError",
    "NotSimulatedError",
    "NukeAIPanelError",
    "PathOutsideRootError",
    "PaymentRequiredError",
    "PermissionDeniedError",
    "ProposalError",
    "ProtocolError",
    "QueueFullError",
    "RateLimitError",
    "RequestTimeoutError",
    "ScriptChangedError",
    "ServerError",
    "SettingsError",
    "StreamInterruptedError",
    "StreamStalledError",
    "UnsupportedFeatureError",
    "ValidationError",
]


class NukeAIPanelError(Exception):
    """Base of every error this package raises on purpose."""


class CredentialError(NukeAIPanelError):
    """A key could not be read from or written to its store."""


class NkError(NukeAIPanelError):
    """A .nk document cannot be read, changed or written as asked."""


class NkSyntaxError(NkError):
    """The text of a .nk document is damaged.

    ``line`` and ``column`` count from 1; ``expected`` names what should have stood there.
    """

    def __init__(self, message: str, *, line: int, column: int, expected: str = "") -> None:
        where = f"line {line}, column {column}: {message}"
        super().__init__(f"{where} (expected {expected})" if expected else where)
        self.line = line
        self.column = column
        self.expected = expected


class EncryptedScriptError(NkError):
    """The script is encrypted (non-commercial or Indie) and can be read by Nuke only."""


class HostError(NukeAIPanelError):
    """The host refused an operation."""


class EditionLimitError(HostError):
    """This edition of Nuke (Non-commercial, Indie) gives Python too few nodes of a script for what was asked."""


class NodeNotFoundError(HostError):
    """No node of that name in the script."""


class KnobNotFoundError(HostError, NameError):
    """The node has no knob of that name."""


class NotSimulatedError(HostError):
    """The emulated ``nuke`` module was asked for something it does not do.

    The message names the call. It is raised instead of returning an invented value.
    """


class ScriptChangedError(HostError):
    """The script changed on disk after it was read; saving would lose that change."""


class ProposalError(NukeAIPanelError):
    """Generated work could not be read, checked, dry run or applied."""


class CheckpointError(ProposalError):
    """The script or the log could not be kept before a change, or not be read back; nothing has run."""


class BridgeClosedError(NukeAIPanelError):
    """The other side has left: to a producer, nobody reads any more; to a reader, the bridge was closed before its end."""


class QueueFullError(NukeAIPanelError):
    """No more questions are taken for now; ``retry_after`` is seconds, None when the server is about to end."""

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class APIError(NukeAIPanelError):
    """A call failed: the model server refused it or broke off, or it could not be sent.

    Attributes:
        provider: registry name of the provider, e.g. ``"ollama"``; "" where it was not asked.
        status: HTTP status, or None when no answer came.
        kind: short stable word for programs, e.g. ``"connection_refused"``, ``"stalled"``, ``"rate_limit"``.
        next_step: one sentence in the user's words that says what to do, or "".
        partial_text: the answer's text that had arrived before the failure, or "".
        retry_after: seconds to wait before trying again, where the server said so.
        details: first lines of the server's own words for a *Details* fold, free of secrets.
    """

    default_kind = "api_error"

    def __init__(
        self,
        message: str,
        *,
        provider: str = "",
        status: int | None = None,
        kind: str = "",
        next_step: str = "",
        partial_text: str = "",
        retry_after: float | None = None,
        details: str = "",
    ) -> None:
        super().__init__(message)
        self.message = message
        self.provider = provider
        self.status = status
        self.kind = kind or self.default_kind
        self.next_step = next_step
        self.partial_text = partial_text
        self.retry_after = retry_after
        self.details = details

    def __str__(self) -> str:
        return f"{self.message} {self.next_step}".rstrip()


class ValidationError(APIError, ValueError):
    """The request cannot be sent as it is; nothing has left this machine.

    Attributes:
        field: what is wrong, e.g. ``"temperature"`` or ``"messages[2].role"``, or "".
        value: ``repr`` of what was given, cut to 80 characters, or "".
        allowed: what would do, e.g. ``"0 to 2"``, or "".
    """

    default_kind = "validation"

    def __init__(self, message: str, *, field: str = "", value: str = "", allowed: str = "") -> None:
        super().__init__(message)
        self.field = field
        self.value = value
        self.allowed = allowed


class FileRefusedError(ValidationError):
    """A file may not or cannot be attached; it was not read, or not further than needed to tell."""


class PathOutsideRootError(FileRefusedError):
    """The file lies outside of the folders that attachments may come from."""


class SettingsError(APIError):
    """A settings file or value cannot be used; nothing was sent."""

    default_kind = "settings"


class ConnectionFailedError(APIError):
    """No connection: name lookup, refused, unreachable, or a certificate that is not trusted."""

    default_kind = "connection_failed"


class RequestTimeoutError(APIError, TimeoutError):
    """Connecting, the first byte, or a short call took longer than its deadline."""

    default_kind = "timeout"


class StreamStalledError(APIError, TimeoutError):
    """A stream fell silent for longer than allowed; ``partial_text`` keeps what came."""

    default_kind = "stalled"


class StreamInterruptedError(APIError):
    """A stream ended without its terminator; ``partial_text`` keeps what came."""

    default_kind = "interrupted"


class AuthenticationError(APIError):
    """The server wants a key, or rejected the one it got."""

    default_kind = "authentication"


class PaymentRequiredError(APIError):
    """The key works but has no credit left."""

    default_kind = "payment_required"


class PermissionDeniedError(APIError):
    """The key is valid but may not do this."""

    default_kind = "permission_denied"


class ModelNotFoundError(APIError):
    """The server has no model of that name."""

    default_kind = "model_not_found"


class RateLimitError(APIError):
    """Too many requests; ``retry_after`` holds the server's wish where it gave one."""

    default_kind = "rate_limit"


class BadRequestError(APIError):
    """The server refused what was asked of it."""

    default_kind = "bad_request"


class ServerError(APIError):
    """The server failed, before or in the middle of an answer."""

    default_kind = "server_error"


class ProtocolError(APIError):
    """The answer is not what this protocol sends, e.g. a login page or broken JSON."""

    default_kind = "protocol"


class UnsupportedFeatureError(APIError):
    """This model or server cannot do what was asked; nothing was sent."""

    default_kind = "unsupported"
