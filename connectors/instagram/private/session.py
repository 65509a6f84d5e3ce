"""An account's login as a file: sealed with the hub's key, readable by the hub's user alone."""

import json
import logging
import os
import tempfile
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from registry.sealing import seal, unseal

_log = logging.getLogger(__name__)

PURPOSE = "instagram session"


class SessionFile:
    """Where one account's session is kept."""

    def __init__(self, path: Path, key: SecretStr, *, account: str) -> None:
        self._path = path
        self._key = key
        self._account = account

    def read(self) -> dict[str, Any] | None:
        """The session; None when there is none, or none that can be read: that is said in the log.

        Raises: OSError.
        """
        try:
            sealed = self._path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        except UnicodeDecodeError:
            sealed = ""
        text = unseal(self._key, PURPOSE, sealed.strip())
        if text is not None:
            try:
                session = json.loads(text)
            except ValueError:
                session = None
            if isinstance(session, dict):
                return session
        _log.warning(
            "the session of instagram/%s in %s is damaged or sealed with another key: "
            "a new login is needed",
            self._account,
            self._path.name,
        )
        return None

    def write(self, session: str) -> None:
        """Replace the session at once or not at all. Raises: OSError."""
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # mkstemp makes a file that nobody else may read.
        handle, name = tempfile.mkstemp(dir=self._path.parent, prefix=f".{self._path.name}.")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(seal(self._key, PURPOSE, session))
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(self._path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
