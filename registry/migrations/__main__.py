"""Drafts the next revision from what `registry.schema` has and the revisions have not.

It is for developers; `ruff format` the draft, and read it before anybody runs it.
"""

import argparse
import asyncio
import tempfile
from pathlib import Path

from sqlalchemy import Connection

from registry.db import Database
from registry.migrate import REVISIONS, run_alembic, upgrade


def _draft(connection: Connection, message: str) -> None:
    if REVISIONS:
        upgrade(connection, "head")
    run_alembic(
        connection,
        lambda command, config: command.revision(
            config, message, autogenerate=True, rev_id=f"{len(REVISIONS) + 1:04}"
        ),
    )


async def _main(message: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        database = Database(f"sqlite:///{Path(folder) / 'draft.db'}")
        await database.open()
        async with database.writer.begin() as connection:
            await connection.run_sync(_draft, message)
        await database.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m registry.migrations", description=__doc__)
    parser.add_argument("message", help='what changes, such as "give operators a team"')
    asyncio.run(_main(parser.parse_args().message))
