"""Lists of appeals: what a row says, and what the filters say of an address."""

import re
from html import unescape

import pytest

from hub.app import Hub
from hub.web.i18n import LANGUAGES
from registry.types import Attachment, AttachmentKind
from tests.hub.test_web.signing import Browser, add
from tests.registry.desk import receive
from tests.registry.samples import message, sender

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


async def test_an_appeal_without_words_is_called_by_what_came(
    open_house: Hub, browser: Browser
) -> None:
    await receive(
        open_house.database,
        *(
            message(
                citizen, conversation=citizen, sender=sender(citizen), text="",
                channel="phone" if citizen in {"1", "2"} else "telegram",
                attachments=tuple(Attachment(kind=kind, ref="f") for kind in kinds),
            )
            for citizen, kinds in {
                "1": (),
                "2": (AttachmentKind.VOICE,),
                "3": (AttachmentKind.PHOTO, AttachmentKind.LOCATION),
                "4": (AttachmentKind.LOCATION,),
                "5": (),
            }.items()
        ),
    )  # fmt: skip
    await add(open_house)
    await browser.sign_in()

    said = {}
    for language in LANGUAGES:
        browser.cookies["language"] = language
        page = await browser.get("/inbox?queue=all&sort=oldest")
        said[language] = re.findall(r'class="subject muted">(.*?)<', page.text)

    assert said == {
        "ru": ["Звонок", "Голосовое сообщение", "Фото", "Место", "Без текста"],
        "kk": ["Қоңырау", "Дауыстық хабар", "Фото", "Орналасқан жері", "Мәтінсіз"],
        "en": ["A call", "Voicemail", "Photo", "Location", "No text"],
    }


async def test_filters_name_the_several_values_that_an_address_asks_for(
    open_house: Hub, browser: Browser
) -> None:
    await add(open_house)
    await browser.sign_in()
    browser.cookies["language"] = "en"

    page = await browser.get(
        "/inbox?queue=all&sort=oldest&status=new&status=open&language=kk,en&channel=sms"
    )

    chosen = re.findall(r'<option value="([^"]+)" selected>(.*?)</option>', page.text)
    assert [(value, unescape(said)) for value, said in chosen] == [
        ("oldest", "Oldest"),
        ("sms", "sms"),
        ("new,open", "New, In work"),
        ("kk,en", "Қазақша, English"),
    ]
