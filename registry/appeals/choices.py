"""What a team, a category, a district or a tag can be: what the office has set up, if it has."""

import re
from collections.abc import Iterable

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from registry.errors import BadValue
from registry.models import Category, Team, TeamMember
from registry.office import get_setting
from registry.office_shapes import Districts

MAX_TAGS = 10
MAX_TAG = 40
"""Characters."""


async def check_team(session: AsyncSession, key: str | None) -> None:
    """Any word is a team as long as none is set up. Raises: BadValue."""
    if key is None:
        return
    found = await session.exec(select(Team.key, Team.archived_at).order_by(col(Team.key)))
    known = {name: archived_at is None for name, archived_at in found}
    if known and not known.get(key, False):
        active = ", ".join(name for name, works in known.items() if works)
        raise BadValue("team", f"There is no team {key}; there are: {active or 'none'}.")


async def check_category(session: AsyncSession, code: str | None) -> Category | None:
    """The category of that code; any word is one as long as none is set up. Raises: BadValue."""
    if code is None:
        return None
    category = await session.get(Category, code)
    if category is not None:
        if category.retired_at is not None:
            raise BadValue("category", f"The category {code} is no longer in use; take another.")
        return category
    if (await session.exec(select(Category.code).limit(1))).first() is not None:
        raise BadValue("category", f"There is no category {code}; take one of the list.")
    return None


async def check_district(session: AsyncSession, code: str | None) -> None:
    """Any word is a district as long as none is set up. Raises: BadValue."""
    if code is None:
        return
    known = [place.code for place in (await get_setting(session, Districts)).items]
    if known and code not in known:
        raise BadValue("district", f"There is no district {code}; there are: {', '.join(known)}.")


async def is_of_team(session: AsyncSession, operator_id: int, key: str) -> bool:
    """Whether the operator is of the team; as long as none is set up, everybody is of any."""
    if await session.get(TeamMember, (key, operator_id)) is not None:
        return True
    return (await session.exec(select(Team.key).limit(1))).first() is None


def clean_tags(words: Iterable[str]) -> frozenset[str]:
    """The words as tags are kept: in lower case, without # or needless spaces. Raises: BadValue."""
    tags = set()
    for word in words:
        tag = " ".join(word.lstrip("# \t").lower().split())
        if not tag or len(tag) > MAX_TAG or not _PRINTABLE.fullmatch(tag):
            raise BadValue(
                "tags", f"{word[:MAX_TAG]!r} is no tag; take 1 to {MAX_TAG} printable characters."
            )
        tags.add(tag)
    return frozenset(tags)


def check_tag_count(tags: Iterable[str]) -> None:
    """Raises: BadValue."""
    count = len(set(tags))
    if count > MAX_TAGS:
        raise BadValue(
            "tags", f"That makes {count} tags; an appeal has at most {MAX_TAGS}, so remove some."
        )


_PRINTABLE = re.compile(r"[^\x00-\x1f\x7f,]+")
"""A comma stands between tags in a filter."""
