"""What a message holds: its text as an operator reads it, and its attachments."""

import json
from collections.abc import Iterable, Sequence

from msgspec import Struct

from connectors.whatsapp.meta.deliveries import Card, Content, FlowAnswer, Media, Order, Product
from connectors.whatsapp.words import placeholder
from registry.types import Attachment, AttachmentKind


class Read(Struct, frozen=True):
    """A message's content in the core's words."""

    text: str = ""
    attachments: tuple[Attachment, ...] = ()
    unreadable: bool = False


_UNTOLD = frozenset({"flow_token"})
"""Fields of a form's answer that mean nothing to people."""
_MOST_FIELDS = 50


def read_content(content: Content) -> Read:
    """A placeholder that names the kind stands for whatever cannot be read."""
    match content.type:
        case "text" if content.text is not None:
            return Read(content.text.body or "")
        case "image" if content.image is not None:
            return _file(AttachmentKind.PHOTO, content.image)
        case "video" if content.video is not None:
            return _file(AttachmentKind.VIDEO, content.video)
        case "audio" | "voice" if content.audio is not None:
            kind = AttachmentKind.VOICE if content.audio.voice else AttachmentKind.AUDIO
            return _file(kind, content.audio)
        case "document" if content.document is not None:
            return _file(AttachmentKind.DOCUMENT, content.document)
        case "sticker" if content.sticker is not None:
            return _file(AttachmentKind.STICKER, content.sticker)
        case "location" if content.location is not None:
            place = content.location
            attachment = Attachment(
                kind=AttachmentKind.LOCATION,
                name=place.name or None,
                latitude=place.latitude,
                longitude=place.longitude,
            )
            return Read(_lines((place.name, place.address)), (attachment,))
        case "contacts" if content.contacts:
            return _cards(content.contacts)
        case "button" if content.button is not None:
            said = content.button.text or content.button.payload
        case "interactive" if content.interactive is not None:
            chosen = content.interactive.button_reply or content.interactive.list_reply
            if chosen is not None:
                said = _lines((chosen.title or chosen.id, chosen.description))
            else:
                answer = content.interactive.nfm_reply
                said = None if answer is None else _form(answer)
        case "order" if content.order is not None:
            return Read(_order(content.order))
        case _:
            said = None
    return Read(said) if said else _placeholder(content)


def _file(kind: AttachmentKind, media: Media) -> Read:
    # "audio/ogg; codecs=opus"
    mime = (media.mime_type or "").partition(";")[0].strip().lower()
    ref = f"{media.id} {media.sha256}" if media.sha256 else media.id
    attachment = Attachment(kind=kind, ref=ref, name=media.filename or None, mime=mime or None)
    return Read(media.caption or "", (attachment,))


def _cards(cards: Sequence[Card]) -> Read:
    lines, attachments = [], []
    for card in cards:
        name = card.name
        shown = None
        if name is not None:
            parts = (part for part in (name.first_name, name.last_name) if part)
            shown = name.formatted_name or " ".join(parts) or None
        phones = (phone.phone or (f"+{phone.wa_id}" if phone.wa_id else None)
                  for phone in card.phones or ())  # fmt: skip
        emails = (email.email for email in card.emails or ())
        company = None if card.org is None else card.org.company
        lines.append(", ".join(part for part in (shown, company, *phones, *emails) if part))
        attachments.append(Attachment(kind=AttachmentKind.CONTACT, name=shown))
    return Read(_lines(lines), tuple(attachments))


def _form(answer: FlowAnswer) -> str:
    """A filled-in form, a line for each field."""
    try:
        fields = json.loads(answer.response_json or "")
    except (ValueError, RecursionError):
        fields = None
    if not isinstance(fields, dict):
        return answer.body or ""
    told = [
        f"{name}: {_plain(value)}"
        for name, value in list(fields.items())[:_MOST_FIELDS]
        if name not in _UNTOLD and value not in (None, "")
    ]
    return _lines((answer.body, *told)).replace("\x00", "").encode("utf-8", "replace").decode()


def _plain(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _order(order: Order) -> str:
    lines = [_product(product) for product in order.product_items or ()]
    return _lines((order.text, "[An order from the catalogue:", *lines)) + "]"


def _product(product: Product) -> str:
    price = " ".join(
        str(part) for part in (product.item_price, product.currency) if part is not None
    )
    what = f"{product.quantity or 1} × {product.product_retailer_id or '?'}"
    return f"{what}, {price}" if price else what


def _placeholder(content: Content) -> Read:
    why = ""
    for error in content.errors or ():
        details = None if error.error_data is None else error.error_data.details
        why = why or details or error.message or error.title or ""
    return Read(placeholder(content.type or "unknown", why), unreadable=True)


def _lines(parts: Iterable[str | None]) -> str:
    return "\n".join(part for part in parts if part)
