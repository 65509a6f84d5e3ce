"""What the running hub's parts find on the aiohttp application."""

from collections.abc import Mapping

from aiohttp import web

from config.settings import Settings
from connectors.base import Connector
from registry.calls.prompts import CurrentPrompts
from registry.current_office import CurrentOffice
from registry.db import Database
from registry.media import MediaStore
from registry.types import AccountKey, Clock
from workers.bus import Bus
from workers.meters import Meters

SETTINGS = web.AppKey("settings", Settings)
DATABASE = web.AppKey("database", Database)
MEDIA = web.AppKey("media", MediaStore)
BUS = web.AppKey("bus", Bus)
CONNECTORS = web.AppKey("connectors", Mapping[AccountKey, Connector])
CLOCK: web.AppKey[Clock] = web.AppKey("clock")
METERS = web.AppKey("meters", Meters)
OFFICE = web.AppKey("office", CurrentOffice)
PROMPTS = web.AppKey("prompts", CurrentPrompts)
"""What callers hear."""
