"""What things are called: categories, districts, teams, operators, read in one statement.

Every page needs all of these names, some hundreds of rows that hardly ever change. They come as
JSON that the database made: while a text is the one of the last time, nobody has to read it.
"""

from typing import NamedTuple

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from registry.office_shapes import Districts


class NamesAsJson(NamedTuple):
    """The names as they are stored, each list in the order in which it is shown."""

    categories: str
    """`[[code, {language: name}], …]`, those that are retired too."""
    teams: str
    """`[[key, name], …]`."""
    operators: str
    """`[["id", name, whether they may act], …]`, those who are disabled too."""
    districts: str
    """The value of the setting; "{}" where nobody has set it."""


async def read_names(session: AsyncSession) -> NamesAsJson:
    """The names as they are now."""
    connection = await session.connection()
    is_sqlite = connection.dialect.name == "sqlite"
    found = await connection.execute(_SQLITE if is_sqlite else _POSTGRESQL)
    return NamesAsJson(*found.one())


_SETTING = f"""
  coalesce((SELECT CAST(value AS text) FROM office_settings
             WHERE name = '{Districts.name}'), '{{}}')
"""  # noqa: S608  our own name

_SQLITE = text(f"""
    SELECT
      (SELECT json_group_array(json_array(code, json(names)))
         FROM (SELECT code, names FROM categories ORDER BY position, code)),
      (SELECT json_group_array(json_array("key", name))
         FROM (SELECT "key", name FROM teams ORDER BY name)),
      (SELECT json_group_array(json_array(CAST(id AS text), name, json(active)))
         FROM (SELECT id, name, iif(disabled_at IS NULL, 'true', 'false') AS active
                 FROM operators ORDER BY name)),
      {_SETTING}
""")  # noqa: S608  our own name

_POSTGRESQL = text(f"""
    SELECT
      (SELECT CAST(coalesce(json_agg(json_build_array(code, names)
                                     ORDER BY position, code), '[]') AS text)
         FROM categories),
      (SELECT CAST(coalesce(json_agg(json_build_array("key", name) ORDER BY name), '[]') AS text)
         FROM teams),
      (SELECT CAST(coalesce(json_agg(json_build_array(CAST(id AS text), name, disabled_at IS NULL)
                                     ORDER BY name), '[]') AS text)
         FROM operators),
      {_SETTING}
""")  # noqa: S608  our own name
