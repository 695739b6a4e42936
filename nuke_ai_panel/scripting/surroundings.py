"""What a check may know of the place where a proposal would run: the open script, and which Nuke it is."""

from __future__ import annotations

from dataclasses import dataclass, field

from nuke_ai_panel import nk
from nuke_ai_panel.nk.catalogue import Catalogue, default_catalogue

__all__ = ["Surroundings"]


@dataclass(frozen=True)
class Surroundings:
    """The open script (None where there is none to look at) and the catalogue of its Nuke."""

    document: nk.Document | None = None
    catalogue: Catalogue = field(default_factory=default_catalogue)

    @classmethod
    def of(cls, snapshot: bytes) -> Surroundings:
        """Return the surroundings in a script, given as .nk text with its selection.

        Raises:
            NkError: the text cannot be read.
        """
        document = nk.loads(snapshot)
        return cls(document, Catalogue.for_document(document))
