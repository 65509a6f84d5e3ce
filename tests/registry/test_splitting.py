"""What splitting promises: nothing is lost, nothing is too long, nothing is torn."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from registry.measuring import measure
from registry.splitting import MIN_LIMIT, PlannedPart, plan_parts, split_text
from registry.types import Attachment, AttachmentKind, Capabilities, MediaLimit, TextUnit

UNITS: tuple[TextUnit, ...] = ("utf16", "codepoints", "bytes")
FAMILY = "👨‍👩‍👧‍👦"
SPACES = (" ", "  ", "\t", "\n", "\r\n", "\n\n", "\u2003", "\u200b")
WORDS = ("а", "қ", "Ж", "x", "7", ". ", "! ", "» ", "пр. ", "слово")
CLUSTERS = (FAMILY, "👩🏽‍🔧", "🇰🇿", "й", "e\u0301\u0302", "❤️", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "한")
PIECES = st.sampled_from([*SPACES, *WORDS, *CLUSTERS])
TEXTS = st.one_of(
    st.lists(PIECES, max_size=80).map("".join),
    st.text(max_size=120),
    st.text(alphabet=" \n\tя", max_size=80),
)
LIMITS = st.integers(MIN_LIMIT, 60)
UNIT = st.sampled_from(UNITS)


def shortest_split_without_blanks(text: str, limit: int) -> bool:
    """Whether any split of the code points has no blank part; slow and sure."""
    possible = {len(text)}
    for start in range(len(text) - 1, -1, -1):
        ends = range(start + 1, min(start + limit, len(text)) + 1)
        if any(end in possible and not text[start:end].isspace() for end in ends):
            possible.add(start)
    return 0 in possible


@given(TEXTS, LIMITS, UNIT)
@example("\ud800" * 20, 5, "bytes")
def test_parts_joined_are_the_text_and_each_is_within_the_limit(
    text: str, limit: int, unit: TextUnit
) -> None:
    parts = split_text(text, limit=limit, unit=unit)
    assert "".join(parts) == text
    assert all(0 < measure(part, unit) <= limit for part in parts)


@given(TEXTS, LIMITS, UNIT)
def test_a_part_is_never_an_invalid_piece_of_utf16_or_utf8(
    text: str, limit: int, unit: TextUnit
) -> None:
    for part in split_text(text, limit=limit, unit=unit):
        assert part.encode("utf-16-le").decode("utf-16-le") == part
        assert part.encode().decode() == part


@given(st.text(alphabet=" \n\tя.", max_size=60), st.integers(MIN_LIMIT, 12))
@example("я" + " " * 6 + "я" + " " * 6 + "я", 4)
@example("я" + " " * 7 + "я", 4)
@example("    я    я    ", 5)
def test_no_part_is_blank_where_that_can_be(text: str, limit: int) -> None:
    parts = split_text(text, limit=limit, unit="codepoints")
    if shortest_split_without_blanks(text, limit):
        assert not any(part.isspace() for part in parts)


@given(
    st.lists(st.sampled_from([*CLUSTERS, "ж", " "])),
    st.integers(60, 100),
    UNIT,
)
def test_what_a_reader_sees_as_one_character_stays_whole(
    clusters: list[str], limit: int, unit: TextUnit
) -> None:
    parts = split_text("".join(clusters), limit=limit, unit=unit)
    edges, place = {0}, 0
    for cluster in clusters:
        place += len(cluster)
        edges.add(place)
    cut = 0
    for part in parts:
        cut += len(part)
        assert cut in edges


def test_a_cluster_longer_than_a_part_is_torn_between_code_points() -> None:
    assert "".join(split_text(FAMILY, limit=4, unit="utf16")) == FAMILY


@pytest.mark.parametrize(
    ("text", "limit", "parts"),
    [
        ("Бірінші абзац.\n\nЕкінші абзац.", 20, ["Бірінші абзац.\n\n", "Екінші абзац."]),
        ("Первая строка\nвторая строка", 20, ["Первая строка\n", "вторая строка"]),
        ("Акт готов. Ждите мастера", 20, ["Акт готов. ", "Ждите мастера"]),
        ("Он сказал: «Готово!» Потом ушёл", 25, ["Он сказал: «Готово!» ", "Потом ушёл"]),
        ("По адресу пр. Абая, дом 52", 18, ["По адресу пр. ", "Абая, дом 52"]),
        ("Ремонт по адресу пр. Абая", 23, ["Ремонт по адресу пр. ", "Абая"]),
        ("слово " * 4, 13, ["слово слово ", "слово слово "]),
        ("https://example.kz/aaaaaaaa", 10, ["https://ex", "ample.kz/a", "aaaaaaa"]),
        ("Да.\n\nА вот это уже длинная строка", 24, ["Да.\n\nА вот это уже ", "длинная строка"]),
        ("конец   \n\n\nначало", 11, ["конец   \n\n\n", "начало"]),
        ("конец\n\n\n\n\n\nначало", 10, ["конец\n\n\n\n\n", "\nначало"]),
        ("", 10, []),
        ("   ", 10, ["   "]),
    ],
    ids=range(13),
)
def test_cuts_are_made_where_a_reader_would_make_them(
    text: str, limit: int, parts: list[str]
) -> None:
    assert split_text(text, limit=limit, unit="codepoints") == parts


def test_a_full_stop_ends_a_sentence_and_an_abbreviation_does_not() -> None:
    text = "Бригада выехала. Адрес: ул. Сатпаева"
    assert split_text(text, limit=30, unit="codepoints") == [
        "Бригада выехала. ",
        "Адрес: ул. Сатпаева",
    ]


def test_the_limit_is_counted_as_the_provider_counts() -> None:
    assert measure("Сәлем 👋", "utf16") == 8
    assert measure("Сәлем 👋", "codepoints") == 7
    assert measure("Сәлем 👋", "bytes") == 15
    assert split_text("👋" * 4096, limit=4096, unit="utf16") == ["👋" * 2048, "👋" * 2048]
    assert split_text("👋" * 4096, limit=4096, unit="codepoints") == ["👋" * 4096]


@given(TEXTS)
def test_utf16_is_measured_as_it_is_encoded(text: str) -> None:
    assert measure(text, "utf16") == len(text.encode("utf-16-le", "surrogatepass")) // 2


def test_a_limit_that_cannot_hold_every_character_is_refused() -> None:
    with pytest.raises(ValueError, match="cannot hold"):
        split_text("текст", limit=3, unit="bytes")


# --- Parts of a reply -----------------------------------------------------------------------------

K = AttachmentKind
ANY = MediaLimit(max_bytes=1_000_000)
CAN = Capabilities(
    max_text=40,
    max_caption=20,
    media=dict.fromkeys((K.PHOTO, K.VIDEO, K.DOCUMENT, K.LOCATION), ANY),
    album=(frozenset({K.PHOTO, K.VIDEO}), frozenset({K.DOCUMENT})),
    max_album=3,
)


def files(*kinds: AttachmentKind) -> list[Attachment]:
    return [Attachment(kind=kind) for kind in kinds]


def test_a_short_text_is_the_caption_of_the_first_album() -> None:
    assert plan_parts("Акт во вложении", files(K.PHOTO, K.VIDEO, K.DOCUMENT), CAN) == [
        PlannedPart("Акт во вложении", (0, 1)),
        PlannedPart("", (2,)),
    ]


def test_a_text_too_long_for_a_caption_goes_ahead() -> None:
    text = "Акт обследования двора во вложении"
    assert plan_parts(text, files(K.PHOTO), CAN) == [PlannedPart(text), PlannedPart("", (0,))]


def test_a_place_carries_no_caption() -> None:
    assert plan_parts("Здесь", files(K.LOCATION, K.PHOTO), CAN) == [
        PlannedPart("Здесь"),
        PlannedPart("", (0,)),
        PlannedPart("", (1,)),
    ]


def test_a_kind_that_carries_no_caption_in_this_channel_goes_after_its_text() -> None:
    can = Capabilities(
        max_text=40,
        max_caption=20,
        captions=frozenset({K.PHOTO}),
        media=dict.fromkeys((K.PHOTO, K.AUDIO), ANY),
    )
    assert plan_parts("Тыңдаңыз", files(K.AUDIO, K.PHOTO), can) == [
        PlannedPart("Тыңдаңыз"),
        PlannedPart("", (0,)),
        PlannedPart("", (1,)),
    ]
    assert plan_parts("Қараңыз", files(K.PHOTO, K.AUDIO), can) == [
        PlannedPart("Қараңыз", (0,)),
        PlannedPart("", (1,)),
    ]


def test_an_album_is_no_longer_than_the_channel_takes() -> None:
    assert plan_parts("", files(*[K.PHOTO] * 5), CAN) == [
        PlannedPart("", (0, 1, 2)),
        PlannedPart("", (3, 4)),
    ]


def test_without_albums_each_attachment_is_a_part() -> None:
    can = Capabilities(max_text=40, media={K.PHOTO: ANY})
    assert plan_parts("Фото", files(K.PHOTO, K.PHOTO), can) == [
        PlannedPart("Фото"),
        PlannedPart("", (0,)),
        PlannedPart("", (1,)),
    ]


def test_nothing_to_say_is_no_part() -> None:
    assert plan_parts("", [], CAN) == []
    assert plan_parts(" \n", [], CAN) == []
    assert plan_parts(" \n", files(K.PHOTO), CAN) == [PlannedPart("", (0,))]


def test_a_part_that_cannot_help_being_blank_is_left_out() -> None:
    text = "Начало" + " " * 200 + "конец"
    parts = plan_parts(text, [], CAN)
    assert "".join(part.text for part in parts).split() == ["Начало", "конец"]
    assert not any(part.text.isspace() for part in parts)


@given(TEXTS, st.lists(st.sampled_from(sorted(CAN.media)), max_size=10), UNIT)
def test_a_plan_carries_everything_once_and_in_order(
    text: str, kinds: list[AttachmentKind], unit: TextUnit
) -> None:
    can = Capabilities(
        max_text=40,
        max_caption=20,
        text_unit=unit,
        media=CAN.media,
        album=CAN.album,
        max_album=CAN.max_album,
    )
    parts = plan_parts(text, files(*kinds), can)
    assert [index for part in parts for index in part.attachments] == list(range(len(kinds)))
    assert "".join("".join(part.text for part in parts).split()) == "".join(text.split())
    for part in parts:
        limit = can.max_caption if part.attachments else can.max_text
        assert measure(part.text, unit) <= limit
        assert part.attachments or not part.text.isspace()
        assert len(part.attachments) <= can.max_album
        together = {kinds[index] for index in part.attachments}
        assert len(part.attachments) < 2 or any(together <= album for album in can.album)
