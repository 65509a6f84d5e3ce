"""instagrapi's client, kept from what a server cannot have: questions, long sleeps, repeated sends.

Nothing of the library is changed for others: everything here is one subclass, for one account and
one thread.
"""

import json
import logging
import random
import time
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

import requests
from instagrapi import Client  # type: ignore[import-untyped]
from instagrapi.exceptions import (  # type: ignore[import-untyped]
    ChallengeRequired,
    ClientError,
    ClientIncompleteReadError,
    ClientRequestTimeout,
)

from connectors.instagram.private.wire import Lost, Unsent, Wire

_SILENT = logging.Logger("instagrapi")  # noqa: LOG001 - hangs under no other, and says nothing
_SILENT.disabled = True

_CREDENTIALS = ("accounts/login/", "login.async.send_login_request")
"""Parts of the addresses that a password is sent to."""


class AppClient(Client):  # type: ignore[misc]  # the library is untyped
    """The app of one account.

    Its calls raise what instagrapi raises, and `Unsent` or `Lost` where there was no answer.
    """

    # What the library would log holds answers, addresses and cookies.
    private_request_logger = _SILENT
    public_request_logger = _SILENT
    request_logger = _SILENT

    country = "KZ"
    country_code = 7
    locale = "ru_RU"

    def __init__(
        self,
        session: Mapping[str, Any] | None,
        *,
        username: str,
        password: str,
        proxy: str | None,
        api_base: str,
        timeout: Callable[[], float],
        open: Callable[[], bool],  # noqa: A002
    ) -> None:
        """`session` is what `get_settings` gave: a login, and the device it was made with."""
        self.wire = Wire(api_base, timeout=timeout, open=open)
        self.credentials_sent = False
        """Whether a password went out, since this was last set to False."""
        super().__init__(
            settings={**session, **_TRANSPORT} if session else dict(_TRANSPORT),
            proxy=proxy,
            logger=_SILENT,
            with_challenge_flow=False,
            timezone_offset=5 * 3600,
        )
        for http in (self.private, self.public, self.graphql):
            _carry(http, self.wire)
        self.username, self.password = username, password

    # --- The transport ---------------------------------------------------------------------------

    def _configure_private_session_retry(self, private_transport: str | None = None) -> None:
        _carry(self.private, self.wire)

    def _configure_public_session_retry(self) -> None:
        _carry(self.public, self.wire)

    def _send_private_request(self, endpoint: str, *args: Any, **options: Any) -> Any:
        """One request. The library answers some failures with a sleep and the same request again:
        60 seconds for a 408, and a second send of what may have arrived."""
        if any(part in endpoint for part in _CREDENTIALS):
            self.credentials_sent = True
        try:
            return super()._send_private_request(endpoint, *args, **options)
        except (ClientRequestTimeout, ClientIncompleteReadError):
            pass
        raise Lost("the request was given up")

    # --- What would ask a person -----------------------------------------------------------------

    def challenge_code_handler(self, username: str, choice: object = None) -> NoReturn:
        raise ChallengeRequired("A code is asked for.")

    def change_password_handler(self, username: str) -> NoReturn:
        raise ChallengeRequired("A new password is asked for.")

    def challenge_resolve(self, last_json: object, *args: object) -> NoReturn:
        raise ChallengeRequired("Somebody must confirm who they are.")

    def _try_caa_login(self, exc: Exception, verification_code: str = "") -> bool:
        """A password that was refused is not tried a second time in another way."""
        return False

    # --- Files -----------------------------------------------------------------------------------

    # The library uploads in sessions of its own, past every time limit: these replace them, with
    # its addresses and headers.

    def _photo_rupload(self, photo_bytes: bytes, entity_name: str) -> int:
        return self._upload("image", entity_name, photo_bytes, "image/jpeg", {})

    def _video_rupload(self, video_bytes: bytes, entity_name: str, waterfall_id: str) -> int:
        extra = {
            "segment-start-offset": "0",
            "segment-type": "3",
            "ephemeral_media_view_mode": "2",
            "ig_raven_metadata": "{}",
            "x_fb_video_waterfall_id": waterfall_id,
        }
        return self._upload("video", entity_name, video_bytes, "video/mp4", extra)

    def _voice_rupload(self, audio_bytes: bytes, upload_id: str, rand_key: int) -> int:
        name = f"{upload_id}_0_{rand_key}"
        return self._upload("audio", name, audio_bytes, "audio/mp4", {})

    def _upload(
        self, kind: str, name: str, content: bytes, mime: str, extra: Mapping[str, str]
    ) -> int:
        """Upload a file for a message, and give its id; nobody sees it yet.

        Raises: Unsent, as whatever happens here has sent nothing.
        """
        headers = {**self._messenger_rupload_headers(), f"{kind}_type": "FILE_ATTACHMENT", **extra}
        headers |= {
            "content-type": "application/octet-stream",
            "offset": "0",
            "x-entity-length": str(len(content)),
            "x-entity-name": name,
            "x-entity-type": mime,
        }
        http = requests.Session()
        _carry(http, self.wire)
        address = f"https://rupload.facebook.com/messenger_{kind}/{name}"
        try:
            response = http.post(
                address, data=content, headers=headers, proxies=self.private.proxies
            )
            if response.status_code < 500:
                if response.status_code != 200:
                    raise ClientError("The upload was refused.", response=response)
                return int(response.json()["media_id"])
        except (Lost, ValueError, KeyError, TypeError):
            pass
        raise Unsent("the upload was not answered with an id")

    # --- Calls -----------------------------------------------------------------------------------

    def get(self, endpoint: str, params: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Ask for something that changes nothing."""
        found = self.private_request(endpoint, params=dict(params or {}))
        return found if isinstance(found, dict) else {}

    def adopt(self, session: Mapping[str, Any]) -> None:
        """Go on with another session."""
        self.set_settings({**session, **_TRANSPORT})

    def session_in_use(self) -> str:
        """The session as text; the same while nothing of it has changed."""
        return json.dumps(self.get_settings(), sort_keys=True, default=str)

    def send_direct_photo(self, thread: str, content: bytes) -> None:
        """Send a picture as it is: `direct_send_photo` would cut it to the shape of a post."""
        name = f"fb_uploader_{int(time.time() * 1000)}"
        media_id = self._photo_rupload(content, name)
        token = self.generate_mutation_token()
        data = {
            "action": "send_item",
            "is_x_transport_forward": "false",
            "is_shh_mode": "0",
            "thread_ids": json.dumps([int(thread)]),
            "send_attribution": "inbox",
            "client_context": token,
            "attachment_fbid": str(media_id),
            "mutation_token": token,
            "allow_full_aspect_ratio": "true",
            "btt_dual_send": "false",
            "is_ae_dual_send": "false",
            "offline_threading_id": token,
        }
        self.private_request(
            "direct_v2/threads/broadcast/photo_attachment/",
            data=self.with_default_data(data),
            with_signature=False,
        )

    mutation_token = ""
    """What the next message carries, so that it is known again when it comes back."""

    def generate_mutation_token(self) -> str:
        given, self.mutation_token = self.mutation_token, ""
        return given or str(random.randint(6800011111111111111, 6800099999999999999))  # noqa: S311

    def end(self) -> None:
        """Let go of the connections."""
        self.wire.close()


_TRANSPORT = {
    "request_timeout": 0,  # a sleep before every call, whatever the name says
    "public_request_retries_count": 1,
    "public_request_retries_timeout": 0,
    "session_retry_total": 0,
    "session_retry_statuses": [],
    "public_transport": "requests",
    "tls_verify": True,
}


def _carry(http: requests.Session, wire: Wire) -> None:
    """Send everything of a session over the wire, whatever the environment says of proxies."""
    http.adapters.clear()
    http.mount("https://", wire)
    http.mount("http://", wire)
    http.trust_env = False
