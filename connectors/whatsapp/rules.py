"""What Meta checks of a message before it takes it: the sandbox's half of the documentation.

Sources: https://developers.facebook.com/documentation/business-messaging/whatsapp/reference/whatsapp-business-phone-number/message-api,
https://developers.facebook.com/documentation/business-messaging/whatsapp/business-phone-numbers/media,
https://developers.facebook.com/documentation/business-messaging/whatsapp/templates/overview
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from multidict import MultiDict

from connectors.testing import meta
from connectors.testing.sandbox import Refused, Upload

MAX_TEXT, MAX_CAPTION, MAX_OPAQUE = 4096, 1024, 512
_MB = 1024 * 1024
MEDIA: Mapping[str, tuple[int, frozenset[str]]] = {
    "image": (5 * _MB, frozenset({"image/jpeg", "image/png"})),
    "video": (16 * _MB, frozenset({"video/mp4", "video/3gpp"})),
    "audio": (
        16 * _MB,
        frozenset({"audio/aac", "audio/amr", "audio/mpeg", "audio/mp4", "audio/ogg"}),
    ),
    "sticker": (500 * 1024, frozenset({"image/webp"})),
    "document": (
        100 * _MB,
        frozenset(
            {
                "text/plain",
                "application/pdf",
                "application/msword",
                "application/vnd.ms-excel",
                "application/vnd.ms-powerpoint",
                "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
                "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
                "application/vnd.openxmlformats-officedocument.presentationml.presentation",
                "image/jpeg",
                "image/png",
                "video/mp4",
            }
        ),
    ),
}
_UPLOADABLE = frozenset().union(*(mimes for _, mimes in MEDIA.values()))
_ENVELOPE = frozenset(
    {
        "messaging_product", "recipient_type", "to", "recipient", "type", "context",
        "biz_opaque_callback_data",
    }
)  # fmt: skip
_FIELDS: Mapping[str, frozenset[str]] = {
    "text": frozenset({"body", "preview_url"}),
    "image": frozenset({"id", "link", "caption"}),
    "video": frozenset({"id", "link", "caption"}),
    "audio": frozenset({"id", "link", "voice"}),
    "document": frozenset({"id", "link", "caption", "filename"}),
    "sticker": frozenset({"id", "link"}),
    "location": frozenset({"latitude", "longitude", "name", "address"}),
    "template": frozenset({"name", "language", "components"}),
}
_PHONE = re.compile(r"\+?[1-9]\d{6,14}")
_USER_ID = re.compile(r"[A-Z]{2}\.(ENT\.)?[A-Za-z0-9]{1,128}")
_VARIABLE = re.compile(r"\{\{(\w+)\}\}")


class HasMime(Protocol):
    """A file that was uploaded."""

    mime: str
    content: bytes
    uploaded: bool


@dataclass(slots=True, kw_only=True)
class Template:
    """A message template of the account."""

    name: str
    language: str
    body: str
    header: str | None = None
    footer: str | None = None
    buttons: Sequence[Mapping[str, Any]] = ()
    header_format: str = "TEXT"
    status: str = "APPROVED"
    category: str = "UTILITY"
    more: Sequence[Mapping[str, Any]] = field(default_factory=tuple)
    """Further components, as Meta lists them."""

    def listed(self) -> dict[str, Any]:
        """As GET message_templates shows it."""
        components: list[Mapping[str, Any]] = []
        if self.header is not None:
            components.append({"type": "HEADER", "format": self.header_format, "text": self.header})
        components.append({"type": "BODY", "text": self.body})
        if self.footer is not None:
            components.append({"type": "FOOTER", "text": self.footer})
        if self.buttons:
            components.append({"type": "BUTTONS", "buttons": list(self.buttons)})
        return {
            "name": self.name,
            "language": self.language,
            "status": self.status,
            "category": self.category,
            "parameter_format": "NAMED" if self._named(self.body) else "POSITIONAL",
            "components": [*components, *self.more],
            "id": str(abs(hash((self.name, self.language))) % 10**15),
        }

    def check(self, components: Sequence[Any]) -> None:
        """Whether these values fit its variables. Raises: Refused."""
        given = {
            str(one.get("type", "")).lower(): one.get("parameters")
            for one in components
            if isinstance(one, dict)
        }
        for kind, text in (("header", self.header or ""), ("body", self.body)):
            wanted = list(dict.fromkeys(_VARIABLE.findall(text)))
            values = given.pop(kind, None) or []
            if not isinstance(values, list) or len(values) != len(wanted):
                raise refused(
                    400,
                    132000,
                    "(#132000) Number of parameters does not match the expected number of params",
                    details=f"{kind}: number of localizable_params ({len(values)}) does not match "
                    f"the expected number of params ({len(wanted)})",
                )
            for value in values:
                self._check_value(value, wanted, named=self._named(text))
        if given:
            raise refused(400, 132018, "(#132018) Invalid component")

    def _check_value(self, value: Any, wanted: Sequence[str], *, named: bool) -> None:
        if not isinstance(value, dict) or value.get("type") != "text":
            raise refused(400, 132012, "(#132012) Parameter format does not match format")
        text = value.get("text")
        if not isinstance(text, str) or not text:
            raise refused(400, 131008, "(#131008) Required parameter is missing", details="text")
        if "\n" in text or "\t" in text or "     " in text:
            raise refused(
                400,
                132018,
                "(#132018) There's an issue with the parameters in your template",
                details="Param text cannot have new-line/tab characters or more than 4 "
                "consecutive spaces",
            )
        if named != ("parameter_name" in value) or (
            named and value["parameter_name"] not in wanted
        ):
            raise refused(
                400,
                100,
                "(#100) Invalid parameter",
                details="Parameter name is missing or empty",
            )

    def filled(self, components: Sequence[Any]) -> str:
        """As it reads on a citizen's phone."""
        given = {one["type"]: one["parameters"] for one in components}
        parts = []
        for kind, text in (("header", self.header), ("body", self.body), ("footer", self.footer)):
            if text is None:
                continue
            names = list(dict.fromkeys(_VARIABLE.findall(text)))
            values = {
                value.get("parameter_name", name): value["text"]
                for name, value in zip(names, given.get(kind, []), strict=False)
            }
            for name, value in values.items():
                text = text.replace(f"{{{{{name}}}}}", value)
            parts.append(text)
        return "\n\n".join(parts)

    @staticmethod
    def _named(text: str) -> bool:
        return any(not name.isdecimal() for name in _VARIABLE.findall(text))


# --- Messages -----------------------------------------------------------------------------------


def check_message(
    told: Mapping[str, Any], *, files: Mapping[str, HasMime], templates: Sequence[Template]
) -> Mapping[str, Any]:
    """The message with its type filled in. Raises: Refused."""
    if told.get("messaging_product") != "whatsapp":
        raise missing("messaging_product")
    if told.get("recipient_type", "individual") != "individual":
        raise invalid("recipient_type must be one of {INDIVIDUAL, GROUP}")
    _check_recipient(told)
    kind = told.get("type", "text")
    if kind not in _FIELDS:
        raise refused(
            400, 131051, "(#131051) Unsupported message type", details=f"type {kind} is unknown"
        )
    unknown = sorted(told.keys() - _ENVELOPE - {kind})
    if unknown:
        raise invalid(f"Unexpected key {unknown[0]!r}")
    content = told.get(kind)
    if not isinstance(content, dict):
        raise missing(kind)
    unknown = sorted(content.keys() - _FIELDS[kind])
    if unknown:
        raise invalid(f"Unexpected key {unknown[0]!r} on param {kind!r}")
    _check_envelope(told)
    if kind == "text":
        _check_text(content.get("body"), "text['body']", MAX_TEXT, required=True)
        if not isinstance(content.get("preview_url", False), bool):
            raise invalid("text['preview_url'] must be a boolean")
    elif kind == "location":
        _check_place(content)
    elif kind == "template":
        _check_template(content, templates)
    else:
        _check_media(kind, content, files)
    return {**told, "type": kind}


def _check_recipient(told: Mapping[str, Any]) -> None:
    to, user = told.get("to"), told.get("recipient")
    if to is None and user is None:
        raise missing("to")
    if to is not None and (not isinstance(to, str) or not _PHONE.fullmatch(to)):
        raise invalid("to must be a phone number")
    if user is not None and (not isinstance(user, str) or not _USER_ID.fullmatch(user)):
        raise invalid("recipient must be a business-scoped user ID")


def _check_envelope(told: Mapping[str, Any]) -> None:
    context = told.get("context")
    if context is not None and (
        not isinstance(context, dict) or not isinstance(context.get("message_id"), str)
    ):
        raise missing("context['message_id']")
    opaque = told.get("biz_opaque_callback_data")
    if opaque is not None:
        _check_text(opaque, "biz_opaque_callback_data", MAX_OPAQUE, required=True)


def _check_text(text: Any, name: str, limit: int, *, required: bool) -> None:
    if text is None and not required:
        return
    if not isinstance(text, str) or not text.strip():
        raise missing(name)
    if len(text) > limit:
        raise invalid(f"Param {name} must be at most {limit} characters long.")


def _check_place(content: Mapping[str, Any]) -> None:
    for name, most in (("latitude", 90), ("longitude", 180)):
        value = content.get(name)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise missing(f"location[{name!r}]")
        if abs(value) > most:
            raise invalid(f"location[{name!r}] is out of range")


def _check_media(kind: str, content: Mapping[str, Any], files: Mapping[str, HasMime]) -> None:
    media_id, link = content.get("id"), content.get("link")
    if (media_id is None) == (link is None):
        raise missing(f"{kind}['id']")
    _check_text(content.get("caption"), f"{kind}['caption']", MAX_CAPTION, required=False)
    if not isinstance(content.get("voice", False), bool):
        raise invalid("audio['voice'] must be a boolean")
    if media_id is None:
        return
    stored = files.get(str(media_id))
    if stored is None or not stored.uploaded:
        raise refused(
            400,
            131009,
            "(#131009) Parameter value is not valid",
            details=f"Media ID {media_id} was not found",
        )
    limit, mimes = MEDIA[kind]
    if stored.mime not in mimes or (content.get("voice") and stored.mime != "audio/ogg"):
        raise refused(
            400,
            131053,
            "(#131053) Media upload error",
            details=f"Unsupported {kind} mime type {stored.mime}",
        )
    if len(stored.content) > limit:
        raise refused(400, 131053, "(#131053) Media upload error", details="The file is too large")


def _check_template(content: Mapping[str, Any], templates: Sequence[Template]) -> None:
    language = content.get("language")
    if not isinstance(content.get("name"), str):
        raise missing("template['name']")
    if not isinstance(language, dict) or not isinstance(language.get("code"), str):
        raise missing("template['language']['code']")
    components = content.get("components", [])
    if not isinstance(components, list):
        raise invalid("template['components'] must be an array")
    for one in templates:
        if (one.name, one.language) == (content["name"], language["code"]):
            if one.status == "PAUSED":
                raise refused(400, 132015, "(#132015) Template is paused")
            if one.status != "APPROVED":
                break
            one.check(components)
            return
    raise refused(
        404,
        132001,
        "(#132001) Template name does not exist in the translation",
        details=f"template name ({content['name']}) does not exist in {language['code']}",
    )


def check_upload(form: MultiDict[Any]) -> Upload:
    """The file of an upload. Raises: Refused."""
    if form.get("messaging_product") != "whatsapp":
        raise missing("messaging_product")
    upload, mime = form.get("file"), form.get("type")
    if not isinstance(upload, Upload):
        raise missing("file")
    if not isinstance(mime, str) or not mime:
        raise missing("type")
    if mime not in _UPLOADABLE or upload.mime != mime:
        raise invalid(
            "Param file must be a file with one of the following types: "
            f"{', '.join(sorted(_UPLOADABLE))}. Received file of type '{upload.mime}'."
        )
    largest = max(limit for limit, mimes in MEDIA.values() if mime in mimes)
    if not upload.content or len(upload.content) > largest:
        raise refused(400, 131053, "(#131053) Media upload error", details="The file's size")
    return upload


# --- Refusals -----------------------------------------------------------------------------------


def error(
    code: int,
    message: str,
    kind: str = "OAuthException",
    *,
    details: str | None = None,
    subcode: int | None = None,
) -> dict[str, Any]:
    """Meta's error body, with what WhatsApp tells in it besides."""
    data = None if details is None else {"messaging_product": "whatsapp", "details": details}
    return meta.error(code, message, kind, subcode=subcode, data=data)


def refused(
    status: int,
    code: int,
    message: str,
    kind: str = "OAuthException",
    *,
    details: str | None = None,
    subcode: int | None = None,
) -> Refused:
    """A refusal in Meta's own form."""
    return Refused(status, error(code, message, kind, details=details, subcode=subcode))


def invalid(message: str) -> Refused:
    """A parameter that is not as documented."""
    return refused(400, 100, f"(#100) {message}", details=message)


def missing(name: str) -> Refused:
    """A parameter that must be there."""
    return refused(
        400,
        131008,
        "(#131008) Required parameter is missing",
        details=f"The parameter {name} is required.",
    )
