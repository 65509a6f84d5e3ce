"""What a caller hears when the hub does not answer: a document that lies elsewhere, and never
changes. It takes a voicemail, which is found at Twilio afterwards.

Twilio asks for the next document where a voicemail is finished, and plays this one once more where
that cannot be had. So silence ends no message: people hang up when they have spoken.

Sources: https://www.twilio.com/docs/usage/security/availability-reliability,
https://www.twilio.com/docs/voice/twiml/record
"""

from collections.abc import Mapping
from xml.etree.ElementTree import Element, SubElement

from connectors.phone.addresses import Addresses
from connectors.phone.twiml import VOICES, add_sounds, written
from registry.calls.script import Play, Say

SECONDS = 180
"""The longest message."""

WORDS: Mapping[str, str] = {
    "kk": "Кешіріңіз, қазір желіде ақау бар. Сигналдан кейін атыңызды, мекенжайыңызды және не "
    "болғанын айтып, тұтқаны қойыңыз: біз сізге қайта қоңырау шаламыз.",
    "ru": "Извините, сейчас на линии неполадка. После сигнала назовите себя, адрес и что "
    "случилось, и положите трубку: мы вам перезвоним.",
    "en": "Sorry, our line is out of order at the moment. After the tone, please say your name, "
    "the address and what happened, and hang up: we will call you back.",
}
"""In the order in which they are heard. The Kazakh ones are for whoever records the file."""


def voicemail(to: Addresses, sounds: Mapping[str, str]) -> bytes:
    """The document. `sounds` are addresses of files by language, which may not lie at the hub.

    A language without a file is spoken where Twilio has a voice for it, and left out otherwise.
    """
    response = Element("Response")
    for language, words in WORDS.items():
        if language in sounds:
            add_sounds(response, [Play(sounds[language])])
        elif language in VOICES:
            add_sounds(response, [Say(words, language)])
    SubElement(
        response,
        "Record",
        action=to.fallback_message(),
        method="POST",
        maxLength=str(SECONDS),
        timeout="0",
        finishOnKey="*",
        playBeep="true",
        trim="trim-silence",
    )
    return written(response)
