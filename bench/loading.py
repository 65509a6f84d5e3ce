"""Writes a city into a database as fast as it takes rows: no triggers, no checks."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

import asyncpg

from bench.city import City, Table
from registry.columns import to_text


async def load(url: str, city: City) -> None:
    """Write every table of the city; the planner learns what is there."""
    if url.startswith("sqlite"):
        _load_sqlite(Path(url.removeprefix("sqlite:///")), city)
    else:
        await _load_postgresql(url, city)


async def _load_postgresql(url: str, city: City) -> None:
    connection = await asyncpg.connect(url)
    try:
        # A replica's session fires no triggers and checks no references.
        await connection.execute("SET session_replication_role = replica")
        for table in city.tables():
            await connection.copy_records_to_table(
                table.name, columns=list(table.columns), records=table.rows
            )
        await connection.execute("SET session_replication_role = DEFAULT")
        await connection.execute("ANALYZE")
    finally:
        await connection.close()


def _load_sqlite(path: Path, city: City) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        triggers = connection.execute(
            "SELECT name, sql FROM sqlite_master WHERE type = 'trigger'"
        ).fetchall()
        connection.execute("BEGIN")
        for name, _ in triggers:
            connection.execute(f'DROP TRIGGER "{name}"')
        for table in city.tables():
            marks = ", ".join("?" * len(table.columns))
            columns = ", ".join(table.columns)
            connection.executemany(
                f"INSERT INTO {table.name} ({columns}) VALUES ({marks})",  # our own names
                _as_sqlite_keeps(table),
            )
        for _, sql in triggers:
            connection.execute(sql)
        connection.execute("COMMIT")
        connection.execute("ANALYZE")


def _as_sqlite_keeps(table: Table) -> Iterator[tuple[Any, ...]]:
    for row in table.rows:
        yield tuple(to_text(value) if isinstance(value, datetime) else value for value in row)
