"""Every table of the database together, wherever it is declared."""

from registry import models
from registry.calls import tables as calls
from registry.tables import metadata

__all__ = ["calls", "metadata", "models"]
