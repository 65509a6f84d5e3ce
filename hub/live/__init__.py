"""Live screens: one connection to each browser, which tells it what changed on what it shows.

`feed` reads what changed, once for everybody, and decides who is shown what; `clients` writes it;
`socket` is where browsers come in. What a browser missed it is told when it comes back, by the
cursor it brings.
"""

from aiohttp import web

from hub.live.feed import Feed
from hub.live.socket import FEED, PATH, live

__all__ = ["FEED", "Feed", "add_routes"]


def add_routes(app: web.Application, feed: Feed) -> None:
    """Let browsers connect, and feed them while the application runs."""
    app[FEED] = feed
    app.router.add_get(PATH, live)
    app.cleanup_ctx.append(feed.running)
    app.on_shutdown.append(feed.say_goodbye)
