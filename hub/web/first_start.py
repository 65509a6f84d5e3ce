"""The first start: a code in the log, for whoever is to be the administrator."""

import sys

import structlog

from config.settings import Settings
from registry.db import Database
from registry.first_admin import setup_code
from registry.types import Clock

log = structlog.get_logger(__name__)


async def tell_setup_code(database: Database, settings: Settings, *, clock: Clock) -> None:
    """Write the code into the log and on standard output, as long as there is no operator."""
    async with database.write() as session:
        code = await setup_code(session, secret=settings.secret_key, now=clock())
    if code is None:
        return
    address = f"{settings.public_url}/setup"
    log.warning("nobody can sign in yet", address=address, code=code)
    sys.stdout.write(f"Nobody can sign in yet: open {address} and use the code {code}.\n")
    sys.stdout.flush()
