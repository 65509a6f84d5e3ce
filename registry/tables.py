"""The base of every table, and the words in which their columns are declared."""

from typing import Any

from sqlalchemy import Column, ForeignKey, Index, MetaData, Text
from sqlalchemy import text as sql
from sqlmodel import Field, SQLModel

from registry.columns import Id, Json, UtcTime
from registry.ids import new_id

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class Table(SQLModel):
    """The base of every table here."""

    metadata = metadata


def own_id() -> Any:
    """A primary key that `registry.ids` makes."""
    column = Column(Id, primary_key=True, autoincrement=False)
    return Field(default_factory=new_id, sa_column=column)


def partial_index(name: str, *columns: str, where: str, unique: bool = False) -> Index:
    """An index over the rows that `where` picks."""
    picked = sql(where)
    return Index(name, *columns, unique=unique, postgresql_where=picked, sqlite_where=picked)


def reference(target: str, *, nullable: bool = False, index: bool = False) -> Any:
    """The id of another table's row, which must exist."""
    column = Column(Id, ForeignKey(target), nullable=nullable, index=index)
    return Field(default=None, sa_column=column) if nullable else Field(sa_column=column)


def loose_id() -> Any:
    """An id, or none, of a row that nothing checks."""
    return Field(default=None, sa_column=Column(Id, nullable=True))


def moment(*, nullable: bool = False) -> Any:
    """A time in UTC."""
    column = Column(UtcTime, nullable=nullable)
    return Field(default=None, sa_column=column) if nullable else Field(sa_column=column)


def text_column(default: str = "") -> Any:
    """Words of any length."""
    return Field(default=default, sa_column=Column(Text, nullable=False, server_default=default))


def json_object() -> Any:
    """Names and values, empty at first."""
    return Field(default_factory=dict, sa_column=Column(Json, nullable=False, server_default="{}"))
