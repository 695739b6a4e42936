"""An assistant for Foundry Nuke: the core, without Qt and without Nuke.

Importing this package costs next to nothing; every module imports what it needs when it is itself imported.
"""

from __future__ import annotations

__all__ = ["__version__"]

__version__ = "0.1.0"
