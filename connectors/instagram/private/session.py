"""An account's login as a file: sealed with the hub's key, readable by the hub's user alone."""

import json
import logging
import os
import tempfile
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from connectors.base import Misconfigured
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

        Raises: Misconfigured when the file may not be read.
        """
        try:
            sealed = self._path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        except UnicodeDecodeError:
            sealed = ""
        except OSError as error:
            raise self._unusable(error) from error
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
        """Replace the session at once or not at all. Raises: Misconfigured."""
        try:
            self._replace(seal(self._key, PURPOSE, session))
        except OSError as error:
            raise self._unusable(error) from error

    def _replace(self, sealed: str) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # mkstemp makes a file that nobody else may read.
        handle, name = tempfile.mkstemp(dir=self._path.parent, prefix=f".{self._path.name}.")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(sealed)
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(self._path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise

    def _unusable(self, error: OSError) -> Misconfigured:
        return Misconfigured(
            f"The file of the session cannot be used: {error.strerror or type(error).__name__}.",
            cure="Let the hub's user read and write the file and the folder that "
            f"channels.instagram.{self._account}.session_file names.",
        )
