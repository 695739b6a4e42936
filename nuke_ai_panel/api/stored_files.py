"""Files that a server keeps: ``File.upload``, ``download``, ``list`` and ``delete``, each with its async twin (``aupload``...).

The provider is named in each call (``provider="openai"``): a file never goes to a server that nobody has named. All raise what
:class:`~nuke_ai_panel.api.chat.ChatCompletion` raises, and ``FileRefusedError`` for a file that may not or cannot be read.
"""

from __future__ import annotations

import builtins
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from nuke_ai_panel.aio.loop_thread import background
from nuke_ai_panel.api.arguments import CallArguments, UploadArguments, hide_key, place_of, refuse_unknown, text_of
from nuke_ai_panel.api.attachments import ANYTHING, open_file
from nuke_ai_panel.api.calling import ask
from nuke_ai_panel.api.responses import FileDeleted, FileObject
from nuke_ai_panel.api.servers import Place
from nuke_ai_panel.errors import ValidationError
from nuke_ai_panel.operations import UploadRequest
from nuke_ai_panel.providers.base import Provider
from nuke_ai_panel.providers.registry import PROVIDERS
from nuke_ai_panel.validators.values import refuse, shown

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from nuke_ai_panel.api.arguments import FileInput

__all__ = ["File"]

_CALL = frozenset(CallArguments.__annotations__) - {"extra", "extra_body"}
_UPLOAD = frozenset(UploadArguments.__annotations__) - {"extra", "extra_body"}


class File:
    """Files that a server keeps for its key."""

    @staticmethod
    def upload(file: FileInput, *, provider: str, **arguments: Unpack[UploadArguments]) -> FileObject:
        """Store `file` and return its entry.

        A path and a checked file are read while they are sent; bytes, ``(name, bytes)`` and a file open for reading bytes are
        taken into memory.
        """
        given = hide_key(arguments)
        return background().run(lambda: _upload(file, provider, given), twin="File.aupload")

    @staticmethod
    async def aupload(file: FileInput, *, provider: str, **arguments: Unpack[UploadArguments]) -> FileObject:
        """Store `file`; see :meth:`upload`."""
        return await _upload(file, provider, hide_key(arguments))

    @staticmethod
    def download(file_id: str, *, provider: str, **arguments: Unpack[CallArguments]) -> bytes:
        """Return the bytes of a stored file."""
        given = hide_key(arguments)
        return background().run(lambda: _download(file_id, provider, given), twin="File.adownload")

    @staticmethod
    async def adownload(file_id: str, *, provider: str, **arguments: Unpack[CallArguments]) -> bytes:
        """Return the bytes of a stored file."""
        return await _download(file_id, provider, hide_key(arguments))

    @staticmethod
    def list(*, provider: str, **arguments: Unpack[CallArguments]) -> builtins.list[FileObject]:
        """Return the entries of all stored files."""
        given = hide_key(arguments)
        return background().run(lambda: _list(provider, given), twin="File.alist")

    @staticmethod
    async def alist(*, provider: str, **arguments: Unpack[CallArguments]) -> builtins.list[FileObject]:
        """Return the entries of all stored files."""
        return await _list(provider, hide_key(arguments))

    @staticmethod
    def delete(file_id: str, *, provider: str, **arguments: Unpack[CallArguments]) -> FileDeleted:
        """Delete a stored file."""
        given = hide_key(arguments)
        return background().run(lambda: _delete(file_id, provider, given), twin="File.adelete")

    @staticmethod
    async def adelete(file_id: str, *, provider: str, **arguments: Unpack[CallArguments]) -> FileDeleted:
        """Delete a stored file."""
        return await _delete(file_id, provider, hide_key(arguments))


def _place(provider: object, arguments: Mapping[str, object], known: Collection[str], call: str) -> Place:
    refuse_unknown(arguments, known, call)
    if not isinstance(provider, str) or provider not in PROVIDERS:
        offering = ", ".join(name for name, made in PROVIDERS.items() if "upload_file" in made.operations())
        raise ValidationError(
            f"provider must name a server that stores files ({offering}), not {shown(provider)}.",
            field="provider",
            value=shown(provider),
            allowed=offering,
        )
    return place_of(provider, arguments)


async def _upload(file: object, provider: str, arguments: Mapping[str, object]) -> FileObject:
    place = _place(provider, arguments, _UPLOAD, "File.upload")
    named = text_of(arguments, "filename") or "file"
    async with open_file(file, "file", name=named, allowed=ANYTHING) as opened:
        media_type = text_of(arguments, "media_type") or opened.media_type or "application/octet-stream"
        request = UploadRequest(opened.name, opened.data, media_type, text_of(arguments, "purpose") or "user_data")
        found = await ask(place, Provider.upload_file, request, names={"data": "file", "name": "filename"})
        return FileObject.of(found, provider)


async def _download(file_id: str, provider: str, arguments: Mapping[str, object]) -> bytes:
    place = _place(provider, arguments, _CALL, "File.download")
    return await ask(place, Provider.download_file, _identifier(file_id))


async def _list(provider: str, arguments: Mapping[str, object]) -> list[FileObject]:
    place = _place(provider, arguments, _CALL, "File.list")
    return [FileObject.of(each, provider) for each in await ask(place, Provider.list_files)]


async def _delete(file_id: str, provider: str, arguments: Mapping[str, object]) -> FileDeleted:
    place = _place(provider, arguments, _CALL, "File.delete")
    await ask(place, Provider.delete_file, _identifier(file_id))
    return FileDeleted(file_id, provider)


def _identifier(file_id: object) -> str:
    if not isinstance(file_id, str) or not file_id.strip():
        refuse("file_id", file_id, "the identifier of a stored file")
    return file_id
