"""An assistant for Foundry Nuke: the core, without Qt and without Nuke.

::

    from nuke_ai_panel import ChatCompletion

    answer = ChatCompletion.create(model="ollama/qwen3-coder:30b", messages=[{"role": "user", "content": "Hello"}])
    print(answer.choices[0].message.content)

Importing this package costs next to nothing; a public name brings its module when it is first asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nuke_ai_panel.aio.loop_thread import maybe_await, run_async
    from nuke_ai_panel.api.chat import ChatCompletion, Completion
    from nuke_ai_panel.api.media import AudioTranscription, AudioTranslation, Embedding, Image, Speech
    from nuke_ai_panel.api.stored_files import File
    from nuke_ai_panel.batch import BatchProgress, BatchRecord, acompletions, acompletions_as_finished, run_batch
    from nuke_ai_panel.errors import (
        APIError,
        AuthenticationError,
        BadRequestError,
        BridgeClosedError,
        CheckpointError,
        ConnectionFailedError,
        CredentialError,
        EditionLimitError,
        EncryptedScriptError,
        FileRefusedError,
        HostError,
        KnobNotFoundError,
        ModelNotFoundError,
        NkError,
        NkSyntaxError,
        NodeNotFoundError,
        NotSimulatedError,
        NukeAIPanelError,
        PathOutsideRootError,
        PaymentRequiredError,
        PermissionDeniedError,
        ProposalError,
        ProtocolError,
        QueueFullError,
        RateLimitError,
        RequestTimeoutError,
        ScriptChangedError,
        ServerError,
        SettingsError,
        StreamInterruptedError,
        StreamStalledError,
        UnsupportedFeatureError,
        ValidationError,
    )
    from nuke_ai_panel.files import FileValidator

__all__ = [
    "APIError",
    "AudioTranscription",
    "AudioTranslation",
    "AuthenticationError",
    "BadRequestError",
    "BatchProgress",
    "BatchRecord",
    "BridgeClosedError",
    "ChatCompletion",
    "CheckpointError",
    "Completion",
    "ConnectionFailedError",
    "CredentialError",
    "EditionLimitError",
    "Embedding",
    "EncryptedScriptError",
    "File",
    "FileRefusedError",
    "FileValidator",
    "HostError",
    "Image",
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
    "Speech",
    "StreamInterruptedError",
    "StreamStalledError",
    "UnsupportedFeatureError",
    "ValidationError",
    "__version__",
    "acompletions",
    "acompletions_as_finished",
    "maybe_await",
    "run_async",
    "run_batch",
]

__version__ = "0.1.0"

_HOMES = {
    "AudioTranscription": "api.media",
    "AudioTranslation": "api.media",
    "BatchProgress": "batch",
    "BatchRecord": "batch",
    "ChatCompletion": "api.chat",
    "Completion": "api.chat",
    "Embedding": "api.media",
    "File": "api.stored_files",
    "FileValidator": "files",
    "Image": "api.media",
    "Speech": "api.media",
    "acompletions": "batch",
    "acompletions_as_finished": "batch",
    "maybe_await": "aio.loop_thread",
    "run_async": "aio.loop_thread",
    "run_batch": "batch",
}
"""Public name to the module that it lies in; every other one is an error."""


if not TYPE_CHECKING:
    # Hidden from type checkers, which would take every name for one of ours.

    def __getattr__(name: str) -> object:
        if name.startswith("__") or name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        import importlib

        found: object = getattr(importlib.import_module(f"{__name__}.{_HOMES.get(name, 'errors')}"), name)
        globals()[name] = found
        return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
