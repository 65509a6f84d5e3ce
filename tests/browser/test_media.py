"""Pictures, places and voices of a thread, as an operator looks at them."""

import asyncio
import io
import math
import struct
import wave
from collections.abc import AsyncIterator
from typing import Any

from PIL import Image
from playwright.async_api import Page, expect
from sqlmodel import col, select

from registry.models import Appeal, Attachment, Message
from tests.browser.desk import Desk
from tests.browser.looking import Faults, axe, shot
from tests.browser.served import Served


def photo(size: tuple[int, int] = (1600, 1200), colour: str = "teal") -> bytes:
    kept = io.BytesIO()
    Image.new("RGB", size, colour).save(kept, "JPEG")
    return kept.getvalue()


def voice(seconds: int) -> bytes:
    kept = io.BytesIO()
    with wave.open(kept, "wb") as written:
        written.setnchannels(1)
        written.setsampwidth(2)
        written.setframerate(8000)
        sound = (int(3000 * math.sin(at / 9)) for at in range(8000 * seconds))
        written.writeframes(b"".join(struct.pack("<h", level) for level in sound))
    return kept.getvalue()


async def attach(
    served: Served, number: str, kind: str, content: bytes | None = None, **columns: Any
) -> str:
    """Hang a file on the first message of an appeal, as the media worker leaves it; its id."""
    fields: dict[str, Any] = {"kind": kind, "state": "ready", "created_at": served.hub.clock()}
    if content is not None:

        async def chunks() -> AsyncIterator[bytes]:
            yield content

        stored = await served.hub.media.put(chunks(), max_bytes=len(content) + 1)
        fields |= {
            "path": stored.path, "mime": stored.mime, "size": stored.size, "sha256": stored.sha256,
        }  # fmt: skip
    async with served.hub.database.write() as session:
        found = await session.exec(
            select(Message.id)
            .join(Appeal, col(Appeal.id) == col(Message.appeal_id))
            .where(Appeal.number == number)
            .order_by(col(Message.id))
        )
        row = Attachment(**(fields | {"message_id": found.all()[0]} | columns))
        session.add(row)
    return str(row.id)


async def open_appeal(desk: Desk, number: str) -> Page:
    return await desk.visit(f"/inbox/{number}?queue=all&sort=due")


async def test_photos_are_looked_at_one_after_the_other(signed_in: Desk) -> None:
    number = await signed_in.served.write_in("Қараңыз")
    first = await attach(signed_in.served, number, "photo", photo(), name="двор.jpg")
    second = await attach(
        signed_in.served, number, "photo", photo((900, 1400), "navy"), name="подъезд.jpg"
    )
    page = await open_appeal(signed_in, number)
    viewer = page.locator("#viewer")

    await page.get_by_alt_text("двор.jpg").click()
    await expect(viewer).to_be_visible()
    shown = viewer.get_by_role("img", name="двор.jpg")
    await expect(shown).to_have_js_property("naturalWidth", 1600)
    assert await axe(page) == []
    await shot(page, "media-viewer")

    await page.keyboard.press("ArrowRight")
    await expect(viewer.get_by_role("img", name="подъезд.jpg")).to_have_js_property(
        "naturalWidth", 900
    )
    await page.keyboard.press("ArrowRight")
    await expect(viewer.get_by_role("img", name="подъезд.jpg")).to_be_visible()
    download = viewer.locator("[data-download]")
    await expect(download).to_have_attribute(
        "href", f"{signed_in.served.url}/api/v1/attachments/{second}"
    )
    await page.keyboard.press("ArrowLeft")
    await expect(shown).to_be_visible()

    before = await shown.evaluate("(image) => image.getBoundingClientRect().width")
    await shown.click()
    assert await shown.evaluate("(image) => image.getBoundingClientRect().width") > before * 1.5
    await page.keyboard.press("Enter")
    assert await shown.evaluate("(image) => image.getBoundingClientRect().width") == before

    await page.keyboard.press("Escape")
    await expect(viewer).to_be_hidden()
    await expect(page.locator(f'a[href="/api/v1/attachments/{first}"]')).to_be_focused()


async def test_a_picture_of_which_nothing_can_be_shown_is_a_file_to_take(
    signed_in: Desk, faults: Faults
) -> None:
    faults.allow("415")
    number = await signed_in.served.write_in("Фото")
    broken = b"\xff\xd8\xff\xe0" + b"x" * 400
    id_ = await attach(signed_in.served, number, "photo", broken, name="сломано.jpg")

    page = await open_appeal(signed_in, number)

    link = page.locator(f'a.file[href="/api/v1/attachments/{id_}"]')
    await expect(link).to_have_text("сломано.jpg")
    await expect(page.locator(".messages img")).to_have_count(0)
    async with page.expect_download() as begun:
        await link.click()
    download = await begun.value
    with open(await download.path(), "rb") as taken:  # noqa: ASYNC230, PTH123
        assert taken.read() == broken


async def test_a_picture_sent_as_a_document_is_shown_with_its_name_and_taken_as_it_was(
    signed_in: Desk,
) -> None:
    number = await signed_in.served.write_in("Акт")
    scan = photo((900, 1400))
    id_ = await attach(signed_in.served, number, "document", scan, name="акт.jpg")
    plan = await attach(signed_in.served, number, "document", b"%PDF-1.7 plan", name="план.pdf")

    page = await open_appeal(signed_in, number)

    small = page.locator(f'.messages img[src="/api/v1/attachments/{id_}?thumbnail=1"]')
    await expect(small).to_have_js_property("naturalHeight", 640)
    await shot(page, "media-document")
    link = page.locator(f'a.file[href="/api/v1/attachments/{id_}"]')
    await expect(link).to_contain_text("акт.jpg")
    async with page.expect_download() as begun:
        await link.click()
    with open(await (await begun.value).path(), "rb") as taken:  # noqa: ASYNC230, PTH123
        assert taken.read() == scan
    await small.click()
    await expect(page.locator("#viewer").get_by_role("img", name="акт.jpg")).to_be_visible()
    await expect(page.locator(f'a[href="/api/v1/attachments/{plan}"]')).to_have_count(1)


async def test_a_document_that_only_looks_like_a_picture_stays_a_file(
    signed_in: Desk, faults: Faults
) -> None:
    faults.allow("415")
    number = await signed_in.served.write_in("Акт")
    id_ = await attach(
        signed_in.served, number, "document", b"\xff\xd8\xff\xe0" + b"x" * 400, name="акт.jpg"
    )

    page = await open_appeal(signed_in, number)

    await expect(page.locator(".messages img")).to_have_count(0)
    link = page.locator(f'a[href="/api/v1/attachments/{id_}"]')
    await expect(link).to_have_count(1)
    await expect(link).to_contain_text("акт.jpg")


async def test_a_place_is_shown_without_asking_anybody(signed_in: Desk, faults: Faults) -> None:
    number = await signed_in.served.write_in("Осында")
    await attach(signed_in.served, number, "location", latitude=43.238949, longitude=76.889709)
    asked: list[str] = []
    signed_in.page.on("request", lambda request: asked.append(request.url))
    await signed_in.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = await open_appeal(signed_in, number)
    place = page.locator("place-map")

    await expect(place.locator(".leaflet-container")).to_be_visible()

    await expect(place.locator(".leaflet-control-scale-line")).to_contain_text("300")
    await expect(place.locator(".degrees.parallel").first).to_contain_text("43.2")
    await expect(place.locator("path.point")).to_have_count(1)
    await expect(place.get_by_role("link", name="43.23895, 76.88971")).to_have_attribute(
        "href", "geo:43.238949,76.889709"
    )
    assert all(url.startswith(signed_in.served.url) for url in asked)
    lines = await place.locator("path.grid").count()
    await place.locator(".leaflet-control-zoom-out").click()
    await expect(place.locator(".leaflet-control-scale-line")).to_contain_text("500")
    assert lines > 4
    await place.get_by_role("button").filter(has=page.locator("svg")).click()
    assert await page.evaluate("navigator.clipboard.readText()") == "43.23895, 76.88971"
    await shot(page, "media-place")
    assert not faults.unexpected
    # To know the styles of a tree like the map's, axe copies them where the policy forbids it.
    faults.allow("style-src")
    assert await axe(page) == []


async def test_nothing_of_a_map_is_fetched_until_a_place_comes_into_sight(signed_in: Desk) -> None:
    number = await signed_in.served.write_in("Осында")
    await attach(signed_in.served, number, "location", latitude=43.2, longitude=76.8)
    for at in range(40):
        await signed_in.served.write_in(f"Тағы {at}")
    asked: list[str] = []
    signed_in.page.on("request", lambda request: asked.append(request.url))
    page = await open_appeal(signed_in, number)
    await expect(page.locator(".message").last).to_be_in_viewport()
    assert not [url for url in asked if "leaflet" in url]

    await page.locator("place-map").scroll_into_view_if_needed()

    await expect(page.locator("place-map .leaflet-container")).to_be_visible()
    assert [url for url in asked if url.endswith("leaflet.js")]


async def test_a_voice_goes_on_while_the_thread_changes_around_it(signed_in: Desk) -> None:
    number = await signed_in.served.write_in("Тыңдаңыз")
    await attach(signed_in.served, number, "voice", voice(30))
    await attach(signed_in.served, number, "location", latitude=43.2, longitude=76.8)
    page = await open_appeal(signed_in, number)
    await expect(page.locator("place-map .leaflet-container")).to_be_visible()
    player = page.locator("audio")
    await player.evaluate("async (audio) => { audio.muted = true; await audio.play(); }")
    await page.evaluate("window.player = document.querySelector('audio')")
    await page.evaluate(
        "window.place = document.querySelector('place-map').shadowRoot.querySelector('.map')"
    )

    await signed_in.served.write_in("Тағы бір хабарлама")
    await page.evaluate(
        "(number) => document.dispatchEvent("
        "new CustomEvent('tereze:thread', { detail: { number } }))",
        number,
    )

    await expect(page.get_by_text("Тағы бір хабарлама")).to_have_count(1)
    assert await page.evaluate("window.player.isConnected && !window.player.paused")
    at = await page.evaluate("window.player.currentTime")
    await asyncio.wait_for(
        page.evaluate(
            "new Promise((heard) => { window.player.ontimeupdate = heard; }).then(() => 1)"
        ),
        timeout=10,
    )
    assert await page.evaluate("window.player.currentTime") > at
    assert await page.evaluate("window.place.isConnected")
