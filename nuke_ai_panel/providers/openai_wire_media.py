"""Speech and stored files in OpenAI's protocol, in the forms that OpenRouter shares. Facts as of August 2026.

Source: https://platform.openai.com/docs/api-reference/audio, https://platform.openai.com/docs/api-reference/files
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timezone
from urllib.parse import quote

from nuke_ai_panel.errors import APIError, ProtocolError
from nuke_ai_panel.messages import ImagePart
from nuke_ai_panel.net.deadlines import Deadlines
from nuke_ai_panel.net.json_values import array, integer, number, parse, record, text
from nuke_ai_panel.net.payload import FormFile
from nuke_ai_panel.operations import (
    Images,
    RemoteFile,
    Speech,
    SpeechRequest,
    Transcription,
    TranscriptionRequest,
    UploadRequest,
)
from nuke_ai_panel.providers.openai_wire import OpenaiWire
from nuke_ai_panel.providers.openai_wire_reader import picture, usage_of
from nuke_ai_panel.providers.refusals import failure_in_answer
from nuke_ai_panel.validators import validate_speech, validate_upload
from nuke_ai_panel.validators.values import check_pattern

__all__ = ["OpenaiMedia"]

#: Most files that are listed; a server that keeps more is asked page by page up to here.
_MOST_FILES = 10_000

# It becomes a part of the path, where dots and slashes would lead elsewhere.
_FILE_ID = re.compile(r"(?!\.{1,2}$)[^\s/\\?#%]{1,512}")


class OpenaiMedia(OpenaiWire):
    """What OpenAI and OpenRouter share besides chat and embeddings."""

    #: Query of the first page of the list of files.
    files_query = ""

    async def speak(self, request: SpeechRequest, *, deadlines: Deadlines | None = None) -> Speech:
        """Speak a text; see :meth:`Provider.speak`."""
        validate_speech(request, self.limits)
        body: dict[str, object] = {"model": request.model, "input": request.text, "response_format": request.format}
        if request.voice:
            body["voice"] = request.voice
        if request.speed is not None:
            body["speed"] = request.speed
        body.update(request.extra)
        raw, media_type = await self._fetch_typed(
            "POST",
            "/audio/speech",
            body,
            what="speak",
            model=request.model,
            accept="audio/*, application/octet-stream",
            deadlines=self._patient(deadlines),
        )
        if media_type == "application/json":
            raise failure_in_answer(await self._parse(raw or b"null"), self._speaker, model=request.model)
        if not raw:
            raise ProtocolError(f"{self.title} answered without any sound.", provider=self.name, kind="no_sound")
        return Speech(raw, media_type, request.model)

    # files

    def _form_fields(self, request: UploadRequest) -> Mapping[str, str]:
        """Return the fields that go beside a file that is stored."""
        return {"purpose": request.purpose}

    async def upload_file(self, request: UploadRequest, *, deadlines: Deadlines | None = None) -> RemoteFile:
        """Store a file at the server; see :meth:`Provider.upload_file`."""
        validate_upload(request, self.limits)
        form = FormFile("file", request.name, request.data, request.media_type, self._form_fields(request))
        answer = await self._answered("POST", "/files", form, what="upload_file", deadlines=self._patient(deadlines))
        stored = _remote_file(answer)
        if stored is None:
            raise ProtocolError(f"{self.title} took the file, but did not name it.", provider=self.name, kind="no_file")
        return stored

    async def list_files(self, *, deadlines: Deadlines | None = None) -> list[RemoteFile]:
        """Return the stored files, page after page; see :meth:`Provider.list_files`."""
        found: list[RemoteFile] = []
        query = self.files_query
        while len(found) < _MOST_FILES:
            answer = await self._answered("GET", f"/files{query}", None, what="list_files", deadlines=deadlines)
            items = answer.get("data")
            if not isinstance(items, list):
                raise ProtocolError(
                    f"{self.title} answered with something else than a list of files.", provider=self.name, kind="no_file_list"
                )
            page = [stored for stored in (_remote_file(record(item)) for item in items) if stored is not None]
            found.extend(page)
            following = self._next_page(answer, page)
            if not following or following == query or not page:
                break
            query = following
        return found

    def _next_page(self, answer: Mapping[str, object], page: list[RemoteFile]) -> str:
        """Return the query of the page after `page`, "" where there is none."""
        last = text(answer.get("last_id")) or (page[-1].id if page else "")
        return f"?after={quote(last, safe='')}" if answer.get("has_more") is True and last else ""

    async def download_file(self, file_id: str, *, deadlines: Deadlines | None = None) -> bytes:
        """Return the bytes of a stored file; see :meth:`Provider.download_file`."""
        path = f"{_path(file_id)}/content"
        self._require_key("download_file")
        explain = self._explainer(what="download_file")
        raw, _ = await self._session.call("GET", path, None, explain, accept="*/*", deadlines=self._patient(deadlines))
        return raw

    async def delete_file(self, file_id: str, *, deadlines: Deadlines | None = None) -> None:
        """Delete a stored file; see :meth:`Provider.delete_file`."""
        await self._answered("DELETE", _path(file_id), None, what="delete_file", deadlines=deadlines)

    # answers

    def _transcription(self, raw: bytes, media_type: str, request: TranscriptionRequest) -> Transcription:
        """Return what the answer to a recording says: JSON, or where that was asked for, the text itself."""
        if media_type != "application/json" and not raw.lstrip().startswith(b"{"):
            return Transcription(raw.decode("utf-8", "replace").rstrip("\n"), request.model)
        try:
            answer = record(parse(raw))
        except APIError as error:
            self._sign(error)
            raise
        if answer.get("error") or not isinstance(answer.get("text"), str):
            raise failure_in_answer(answer, self._speaker, model=request.model)
        usage = record(answer.get("usage"))
        duration = number(answer.get("duration"))
        return Transcription(
            text(answer["text"]),
            text(answer.get("model")) or request.model,
            text(answer.get("language")),
            number(usage.get("seconds")) if duration is None else duration,
            usage_of(usage),
        )

    def _images(self, answer: Mapping[str, object], model: str) -> Images:
        """Return the pictures of an answer."""
        images: list[ImagePart] = []
        for item in array(answer.get("data")):
            fields = record(item)
            encoded = text(fields.get("b64_json"))
            media_type = text(fields.get("media_type")) or _media_type(answer)
            image = picture(f"data:{media_type};base64,{encoded}" if encoded else text(fields.get("url")))
            if image is not None:
                images.append(image)
        if not images:
            raise ProtocolError(
                f"{self.title} answered without a picture.",
                provider=self.name,
                kind="no_picture",
                next_step="Choose a model that makes pictures, or word the prompt differently.",
            )
        return Images(tuple(images), text(answer.get("model")) or model, usage_of(record(answer.get("usage"))))


def _media_type(answer: Mapping[str, object]) -> str:
    return f"image/{text(answer.get('output_format')) or 'png'}"


def _path(file_id: str) -> str:
    check_pattern("file_id", file_id, _FILE_ID, "the identifier of a stored file, e.g. file-abc123")
    return f"/files/{quote(file_id, safe='')}"


def _remote_file(fields: dict[str, object]) -> RemoteFile | None:
    """Return a stored file, in OpenAI's words or in OpenRouter's own."""
    identifier = text(fields.get("id"))
    if not identifier:
        return None
    size = integer(fields.get("bytes"))
    return RemoteFile(
        identifier,
        text(fields.get("filename")),
        integer(fields.get("size_bytes")) if size is None else size,
        _moment(fields.get("created_at")),
        text(fields.get("purpose")),
    )


def _moment(value: object) -> float | None:
    found = number(value)
    if found is not None:
        return found
    try:
        # Python before 3.11 does not know the Z.
        moment = datetime.fromisoformat(text(value).replace("Z", "+00:00"))
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)).timestamp()
