"""Vosk: understands Kazakh, Russian and English without a network, on the hub's own processor.

Its models are folders that an administrator brings: https://alphacephei.com/vosk/models
"""

import json
import threading
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from workers.transcribing import Unheard

PACKAGES = ("vosk", "miniaudio")
_SIGNS = ("am/final.mdl", "final.mdl")
"""A file that each model has, by its age."""


class NoTranscripts(Exception):
    """Nothing can be written down, as `said`; the sentence names the key at fault as well."""

    def __init__(self, key: str, said: str, cure: str) -> None:
        super().__init__(f"{key}: {said} {cure}")
        self.said = said
        self.cure = cure


class Vosk:
    """The models of the settings; each is loaded when it is first needed, and takes its memory."""

    name = "vosk"

    def __init__(self, folders: Mapping[str, Path]) -> None:
        """`folders` are the models by language. Raises: NoTranscripts."""
        for package in PACKAGES:
            if find_spec(package) is None:
                raise NoTranscripts(
                    "transcripts",
                    f"The package {package} is not installed.",
                    "Install tereze[transcripts].",
                )
        for language, folder in folders.items():
            if not any((folder / sign).is_file() for sign in _SIGNS):
                key = f"transcripts.{language}"
                raise NoTranscripts(
                    key,
                    f"In {folder} there is no model of Vosk.",
                    f"Unpack one there, correct {key}, or take the key away.",
                )
        self._folders = folders
        self._models: dict[str, Any] = {}

    def transcribe(self, sound: bytes, *, language: str, stop: threading.Event) -> str | None:
        """The words of a sound; None once it is to `stop`. Raises: Unheard."""
        from vosk import KaldiRecognizer

        from workers.decoding import RATE, NotASound, decoded

        recognizer = KaldiRecognizer(self._model(language), RATE)
        said = []
        try:
            for piece in decoded(sound):
                if stop.is_set():
                    return None
                if recognizer.AcceptWaveform(piece):
                    said.append(_text(recognizer.Result()))
        except NotASound as error:
            raise Unheard(str(error)) from error
        said.append(_text(recognizer.FinalResult()))
        return "\n".join(line for line in said if line)

    def _model(self, language: str) -> Any:
        import vosk

        folder = self._folders.get(language)
        if folder is None:
            raise Unheard(f"transcripts.{language}: there is no model for this language.")
        if language not in self._models:
            vosk.SetLogLevel(-1)  # it writes to stderr past the log
            self._models[language] = vosk.Model(str(folder))
        return self._models[language]


def _text(result: str) -> str:
    text: str = json.loads(result).get("text", "")
    return text.strip()
