"""Attachments: files that may be shown to a model, checked before they are read and read without filling the memory."""

from nuke_ai_panel.files.checked_file import CheckedFile
from nuke_ai_panel.files.formats import SENDABLE, FileFormat
from nuke_ai_panel.files.validator import LARGEST_FILE, FileValidator, NamedFile

__all__ = ["LARGEST_FILE", "SENDABLE", "CheckedFile", "FileFormat", "FileValidator", "NamedFile"]
