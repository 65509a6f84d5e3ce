"""A call in the thread: its sounds are played, and what became of it is said."""

from datetime import timedelta

import msgspec
from playwright.async_api import Locator, expect
from sqlmodel import col, select

from connectors.phone.sandbox_sounds import silent_wav
from registry.accounts import set_health
from registry.calls.tables import Transcript
from registry.calls.texting import send_links
from registry.models import Dispatch, Message
from registry.office import change_setting
from registry.office_shapes import Telephone, as_delivered
from registry.types import AccountKey
from tests.browser.desk import Desk
from tests.browser.looking import axe, shot
from tests.browser.test_media import attach
from tests.registry.calls.lines import call_of, ringing, rings
from tests.registry.desk import receive
from tests.registry.samples import START

BOT = "https://t.me/city_bot"
ENDED = {"state": "ended", "ended_at": START + timedelta(minutes=3)}


async def understood(desk: Desk, attachment: str, words: str) -> None:
    """A machine has written down what was said."""
    async with desk.served.hub.database.write() as session:
        session.add(
            Transcript(attachment_id=int(attachment), text=words, made_by="vosk", made_at=START)
        )


async def plays(audio: Locator, *, at: int) -> float:
    """Play a sound from a second on; how many it has."""
    length: float = await audio.evaluate(
        """async (audio, at) => {
            const sought = new Promise((done) => audio.addEventListener("seeked", done));
            audio.muted = true;
            await audio.play();
            audio.currentTime = at;
            await sought;
            audio.pause();
            return audio.duration;
        }""",
        at,
    )
    assert await audio.evaluate("(audio) => audio.currentTime") >= at
    return length


async def test_a_recording_and_a_voicemail_are_played_beside_what_a_machine_understood(
    signed_in: Desk,
) -> None:
    served, database = signed_in.served, signed_in.served.hub.database
    number = await rings(database)
    later = START + timedelta(minutes=1)
    await receive(database, ringing(external_id="RE2", at=later, call=False))
    async with call_of(database, ended_as="answered", talked=12, **ENDED) as (session, call):
        messages = (await session.exec(select(Message.id).order_by(col(Message.sent_at)))).all()
    sound = {"channel": "phone", "account": "main"}
    recording = await attach(
        served, number, "voice", silent_wav(12), message_id=None, call_id=call.id, **sound
    )
    voicemail = await attach(
        served, number, "voice", silent_wav(7), message_id=messages[1], **sound
    )
    await understood(signed_in, recording, "Су жоқ дейді")
    await understood(signed_in, voicemail, "Перезвоните мне")

    page = await signed_in.visit(f"/inbox/{number}?queue=all&sort=due")

    for name, seconds, words in (
        ("Recording of the call", 12, "Су жоқ дейді"),
        ("Voice message", 7, "Перезвоните мне"),
    ):
        bubble = page.locator("#thread .bubble").filter(has_text=words)
        audio = bubble.locator(f'audio[aria-label="{name}"]')
        assert await plays(audio, at=5) == seconds
        await bubble.get_by_text("What was said").click()
        await expect(bubble.get_by_text(words)).to_be_visible()
    await shot(page, "phone-sounds")
    assert await axe(page) == []


async def test_a_caller_who_would_rather_write_stands_so_in_the_thread_with_the_links(
    signed_in: Desk,
) -> None:
    database, now = signed_in.served.hub.database, signed_in.served.hub.clock()
    telephone = msgspec.structs.replace(
        as_delivered(Telephone), text_from="main", links={"Telegram": BOT}
    )
    number = await rings(database)
    async with database.write() as session:
        await change_setting(session, telephone, actor="system", now=now)
        await set_health(
            session, AccountKey("sms", "main"), health="ok", summary="", cure=None, now=now
        )
    async with call_of(database, ended_as="texted", language="ru", **ENDED) as (session, call):
        assert await send_links(session, call, now=START + timedelta(minutes=2))
        (await session.exec(select(Dispatch))).one().state = "done"
        sent = await session.exec(select(Message).where(Message.direction == "out"))
        sent.one().state = "delivered"

    page = await signed_in.visit(f"/inbox/{number}?queue=all&sort=due")

    thread = page.locator("#thread")
    await expect(thread.locator(".call")).to_contain_text("the call ended with links sent by SMS")
    await expect(thread).to_contain_text("links to write to us were sent by SMS")
    told = thread.locator(".message.out")
    await expect(told).to_contain_text("Нам можно написать:")
    await expect(told.get_by_role("link", name=BOT)).to_have_attribute("href", BOT)
    await shot(page, "phone-texted")
