"""Which languages and voices Twilio speaks with, and how long it speaks.

Sources: https://www.twilio.com/docs/voice/twiml/say/text-speech,
https://www.twilio.com/docs/voice/twiml/say
"""

import re

_SPOKEN = """
    af-ZA ar-AE ar-XA arb bg-BG bn-IN ca-ES cmn-CN cmn-TW cs-CZ cy-GB da-DK de-AT de-DE
    el-GR en-AU en-CA en-GB en-GB-WLS en-IE en-IN en-NZ en-US en-ZA es-ES es-MX es-US eu-ES
    fi-FI fil-PH fr-BE fr-CA fr-FR gl-ES gu-IN he-IL hi-IN hu-HU id-ID is-IS it-IT ja-JP
    kn-IN ko-KR lt-LT lv-LV ml-IN mr-IN ms-MY nb-NO nl-BE nl-NL pa-IN pl-PL pt-BR pt-PT
    ro-RO ru-RU sk-SK sr-RS sv-SE ta-IN te-IN th-TH tr-TR uk-UA vi-VN yue-CN yue-HK zh-CN
    zh-HK zh-TW
"""
LANGUAGES = frozenset(_SPOKEN.split())
"""Kazakh is none of them."""
BASIC = {
    "man": frozenset(
        {"en", "en-US", "en-GB", "es", "es-ES", "es-MX", "fr", "fr-FR", "de", "de-DE"}
    ),
    "woman": frozenset(
        {"en", "en-US", "en-GB", "es", "es-ES", "es-MX", "fr", "fr-FR", "de", "de-DE"}
    ),
    "alice": LANGUAGES,
}
POLLY = {
    "ru-RU": frozenset({"Maxim", "Tatyana"}),
    "en-US": frozenset(
        {"Danielle", "Gregory", "Ivy", "Joanna", "Joey", "Justin", "Kendra", "Kevin", "Kimberly"}
        | {"Matthew", "Ruth", "Salli", "Stephen"}
    ),
    "en-GB": frozenset({"Amy", "Arthur", "Brian", "Emma"}),
}
SPEED = 14.0
"""Characters a second: an unhurried voice on the telephone."""

_GOOGLE = re.compile(r"Google\.([a-z]{2,3}-[A-Z]{2})-(Standard|Wavenet|Neural2|Chirp3-HD)-(\w+)")
_POLLY = re.compile(r"Polly\.([A-Z][a-zí]+)(-Neural|-Generative)?")
_NO_NEURAL2 = frozenset({"ru-RU"})


def speaks(language: str) -> bool:
    """Whether there is any voice for a language, as an attribute names it."""
    return language in LANGUAGES or language in BASIC["man"]


def fits(voice: str, language: str) -> bool:
    """Whether a voice exists and speaks a language; empty for what was not given."""
    if not voice:
        return True
    if voice in BASIC:
        return not language or language in BASIC[voice]
    if (google := _GOOGLE.fullmatch(voice)) is not None:
        spoken, kind, _ = google.groups()
        known = spoken in LANGUAGES and not (kind == "Neural2" and spoken in _NO_NEURAL2)
        return known and language in {"", spoken}
    if (polly := _POLLY.fullmatch(voice)) is not None:
        owners = {spoken for spoken, names in POLLY.items() if polly[1] in names}
        return bool(owners) and (not language or language in owners)
    return False


def length(text: str) -> float:
    """Seconds that it takes to say something."""
    return max(0.5, len(text) / SPEED)
