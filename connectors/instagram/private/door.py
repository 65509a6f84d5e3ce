"""An account's way to Instagram: one thread, one client, one session, and logins that are rare.

Instagram takes a program that logs in again and again for a thief. So a session is kept for as
long as it lives, and a login happens at most once an hour, whatever is restarted meanwhile.
"""

import asyncio
import json
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeVar

from connectors.base import AccountStore, Context, Misconfigured, SendError, Throttled, Unreachable
from connectors.instagram.private.failures import Meaning, cured, meaning_of, translated
from connectors.instagram.private.pace import Pace
from connectors.instagram.private.session import SessionFile
from connectors.instagram.settings import InstagramSettings
from registry.sealing import signature

if TYPE_CHECKING:
    from connectors.instagram.private.client import AppClient

_log = logging.getLogger(__name__)
_T = TypeVar("_T")

APP = "https://i.instagram.com"
BETWEEN_LOGINS = timedelta(hours=1)
ELSEWHERE = timedelta(minutes=1)
"""How long another process is given for its login."""
SAVED_EVERY = timedelta(minutes=15)
"""How often a session that changes by itself is written."""


class Door:
    """What makes the calls of one account, one after another."""

    def __init__(
        self,
        account: str,
        settings: InstagramSettings,
        context: Context,
        *,
        store: AccountStore,
        pace: Pace,
        timeout: Callable[[], float],
    ) -> None:
        self.patience_asked = 0
        """How often in a row Instagram has asked for patience."""
        self._account = account
        self._settings = settings
        self._context = context
        self._store = store
        self._pace = pace
        self._timeout = timeout
        path = context.folder / (settings.session_file or f"instagram-{account}.session")
        self._file = SessionFile(path, context.secret_key, account=account)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"instagram-{account}")
        self._client: AppClient | None = None
        self._opening = asyncio.Lock()
        self._closed = False
        self._saved: tuple[str, datetime] | None = None

    async def call(self, work: Callable[["AppClient"], _T], *, sends: bool = False) -> _T:
        """Have the thread do something with the client, logging in where that is needed.

        `sends` where somebody sees what it does. Raises: SendError.
        """
        client = await self.opened()
        for renewed in (False, True):
            try:
                found = await self._run(work, client)
            except SendError:
                raise
            except Exception as error:  # noqa: BLE001 - the library raises what it likes
                failure = error
            else:
                self.patience_asked = 0
                return found
            if renewed or meaning_of(failure) is not Meaning.LOGGED_OUT:
                break
            await self._renew(client)
        raise self._told(failure, sends=sends) from None

    async def opened(self) -> "AppClient":
        """The client, logged in. Raises: SendError."""
        if self._client is not None:
            return self._client
        async with self._opening:
            if self._client is None:
                _log.warning(
                    "instagram/%s uses the private API of Instagram's app, which Instagram's terms "
                    "forbid: the account may be restricted or banned at any time",
                    self._account,
                )
                client = await self._in_thread(self._made)
                if client.user_id is None:
                    await self._log_in(client, again=False)
                self._client = client
            return self._client

    async def save(self, now: datetime) -> None:
        """Keep what has changed of the session by itself."""
        client = self._client
        if client is None or (self._saved and now - self._saved[1] < SAVED_EVERY):
            return
        session = await self._in_thread(client.session_in_use)
        if self._saved is None or session != self._saved[0]:
            await self._in_thread(lambda: self._file.write(session))
        self._saved = (session, now)

    async def close(self) -> None:
        """End the thread; a call under way ends by itself, and no other is begun."""
        if self._closed:
            return
        self._closed = True
        client, self._client = self._client, None
        if client is not None:
            self._thread.submit(client.end)
        self._thread.shutdown(wait=False)

    # --- The thread ------------------------------------------------------------------------------

    async def _run(self, work: Callable[["AppClient"], _T], client: "AppClient") -> _T:
        """Do it in the thread, and count the calls that it took."""
        before = client.private_requests_count
        try:
            return await self._in_thread(lambda: work(client))
        finally:
            calls = client.private_requests_count - before
            await self._pace.add(max(calls, 1), self._context.clock())

    async def _in_thread(self, work: Callable[[], _T]) -> _T:
        if self._closed:
            raise Unreachable("The account is being closed.")
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def _made(self) -> "AppClient":
        """A client with the session of the file, if there is one. In the thread: importing the
        library takes a second."""
        module = import_module("connectors.instagram.private.client")
        settings = self._settings
        assert settings.password is not None
        client: AppClient = module.AppClient(
            self._file.read(),
            username=settings.username,
            password=settings.password.get_secret_value(),
            proxy=None if settings.proxy is None else settings.proxy.get_secret_value(),
            api_base=settings.api_base or APP,
            timeout=self._timeout,
            open=lambda: not self._closed,
        )
        return client

    # --- Logging in ------------------------------------------------------------------------------

    async def _renew(self, client: "AppClient") -> None:
        """Get into a session that lives: another process's, or one by a new login."""
        async with self._opening:
            kept = await self._in_thread(self._file.read)
            if kept is not None and kept.get("authorization_data") != client.authorization_data:
                await self._in_thread(lambda: client.adopt(kept))
                return
            await self._log_in(client, again=True)

    async def _log_in(self, client: "AppClient", *, again: bool) -> None:
        """Log in with the device that the client is, unless that was tried within the hour."""
        now = self._context.clock()
        await self._may_log_in(now)
        attempt: dict[str, Any] = {"at": now.isoformat(), "by": self._credentials()}
        await self._store.write("login", json.dumps(attempt))
        _log.info("instagram/%s logs in", self._account)
        client.credentials_sent = False
        try:
            await self._run(lambda client: self._enter(client, again=again), client)
        except SendError:
            raise
        except Exception as error:  # noqa: BLE001 - the library raises what it likes
            failure = self._told(error, logs_in=True)
        else:
            return
        if not client.credentials_sent:
            await self._store.write("login", "")  # nobody has seen it
        elif isinstance(failure, Misconfigured):
            attempt |= {"reason": failure.reason, "cure": failure.cure, "code": failure.code}
            await self._store.write("login", json.dumps(attempt))
        raise failure

    def _enter(self, client: "AppClient", *, again: bool) -> None:
        """In the thread, so that a login is kept though nobody waits for it any more."""
        try:
            client.login(relogin=again)
        finally:
            if client.user_id is not None:
                self._file.write(client.session_in_use())

    async def _may_log_in(self, now: datetime) -> None:
        """Raises: Misconfigured, Throttled when a login was tried less than an hour ago."""
        before = _attempt(await self._store.read("login"))
        if before is None or before.get("by") != self._credentials():
            return
        again = datetime.fromisoformat(before["at"]) + BETWEEN_LOGINS
        if now >= again:
            return
        if "reason" in before:
            raise Misconfigured(
                str(before["reason"]),
                cure=f"{before['cure']} The hub tries to log in again at {again:%H:%M} UTC, or at "
                "once when the name or the password in the settings is another.",
                code=before.get("code"),
            )
        if self._client is None:
            # Perhaps another process logs in this moment: its session is then in the file.
            wait = ELSEWHERE if again - now > BETWEEN_LOGINS - 2 * ELSEWHERE else again - now
            raise Throttled(
                "A login was tried less than an hour ago.", retry_after=wait.total_seconds()
            )
        raise cured(Meaning.LOGGED_OUT, account=self._account, code="login_required")

    def _credentials(self) -> str:
        """Tells one name and password from another, and neither of them."""
        password = self._settings.password
        assert password is not None
        both = f"{self._settings.username}\n{password.get_secret_value()}"
        return signature(self._context.secret_key, "instagram credentials", both)

    def _told(
        self, error: BaseException, *, sends: bool = False, logs_in: bool = False
    ) -> SendError:
        failure = translated(
            error, account=self._account, sends=sends, logs_in=logs_in, before=self.patience_asked
        )
        if isinstance(failure, Throttled):
            self.patience_asked += 1
        return failure


def _attempt(text: str | None) -> dict[str, Any] | None:
    try:
        found = json.loads(text) if text else None
        datetime.fromisoformat(found["at"]) if found else None
    except (ValueError, KeyError, TypeError):
        return None
    return found if isinstance(found, dict) else None
