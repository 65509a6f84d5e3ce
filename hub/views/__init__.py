"""The pages of the desk: each module reads, renders, and says in `PAGES` where it stands."""

from hub.views import inbox, thread
from hub.web.pages import Page

PAGES: tuple[Page, ...] = (
    *inbox.PAGES,
    *thread.PAGES,
)
