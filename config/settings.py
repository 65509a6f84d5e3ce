"""The settings: one load from TOML and the environment, frozen and typed, no globals.

A value written `env:NAME` or `file:PATH` is read from there, so that no secret need stand in the
file; a path starts at the folder of the settings' file. Every key can be overridden by an
environment variable: `HUB_HTTP__PORT` is `http.port`.
"""

import os
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    model_validator,
)

DEFAULT_FILE = "hub.toml"
"""The settings' file, in the folder where a command is started."""

DEFAULT_DATABASE = "sqlite:///var/hub.db"

GREETING = {
    "kk": "Сәлеметсіз бе! Өтінішіңізді осы жерге жазыңыз: не болғанын және мекенжайын көрсетіңіз, "
    "фото немесе геолокация жіберуге болады. Біз оны тіркеп, жауап береміз.",
    "ru": "Здравствуйте! Напишите сюда своё обращение: что случилось и по какому адресу, можно "
    "приложить фото или геолокацию. Мы зарегистрируем его и ответим.",
    "en": "Hello! Write to us here: what happened and at which address; you can add photos or a "
    "location. We will register your appeal and answer it.",
}
"""What a citizen reads who opens a conversation, by language."""

ACKNOWLEDGEMENT = {
    "kk": "Өтінішіңіз {number} нөмірімен тіркелді. Барысын осы жерден көре аласыз: {link}",
    "ru": "Ваше обращение зарегистрировано под номером {number}. Следить за ним: {link}",
    "en": "Your appeal is registered under number {number}. Follow it here: {link}",
}
"""What a citizen reads whose message opened an appeal, by language."""

PREFIX = "HUB_"
"""What the name of an environment variable that sets a key starts with."""

MOST_ACKNOWLEDGED = 240
"""Characters of an acknowledgement: it goes out in one part on every channel."""

MIN_SECRET = 32
"""Characters a secret key must have at least."""


class SettingsError(Exception):
    """One sentence that names the key at fault and the cure."""


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError(f"there is no time zone {name!r}") from None
    return name


def _address(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("an address that starts with http:// or https:// is needed")
    if parts.query or parts.fragment or parts.username:
        raise ValueError("the address may hold no query, fragment or user name")
    return url.rstrip("/")


def _database(url: SecretStr) -> SecretStr:
    if not url.get_secret_value().startswith(("sqlite:///", "postgresql://")):
        raise ValueError("an address that starts with sqlite:/// or postgresql:// is needed")
    return url


def _bus(url: str) -> str:
    if not url.startswith(("local:", "nats://")):
        raise ValueError("local: or an address that starts with nats:// is needed")
    return url


def _media(url: str) -> str:
    if not url.startswith(("file:///", "s3://")):
        raise ValueError("an address that starts with file:/// or s3:// is needed")
    return url


def _proxies(value: object) -> object:
    return [part.strip() for part in value.split(",")] if isinstance(value, str) else value


def _network(value: str) -> str:
    try:
        ip_network(value)
    except ValueError:
        raise ValueError(f"{value!r} is neither an IP address nor a network") from None
    return value


def _account(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", name):
        raise ValueError("an account's name is made of Latin letters, digits, - and _")
    return name


def _secret(value: SecretStr) -> SecretStr:
    if len(value.get_secret_value()) < MIN_SECRET:
        raise ValueError(f"at least {MIN_SECRET} characters are needed")
    return value


def _acknowledgement(text: str) -> str:
    try:
        shown = text.format(number="ALM-2026-0000001", link="https://hub.example.kz/t/x")
    except (KeyError, IndexError, ValueError):
        raise ValueError("the text may hold {number} and {link}, and no other braces") from None
    if len(shown) > MOST_ACKNOWLEDGED:
        raise ValueError(f"at most {MOST_ACKNOWLEDGED} characters fit")
    return text


AcknowledgementText = Annotated[str, AfterValidator(_acknowledgement)]


def _acknowledgements(given: object) -> object:
    """The standard words where nothing else is said."""
    return {**ACKNOWLEDGEMENT, **given} if isinstance(given, Mapping) else given


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Http(_Table):
    """`[http]`: where the hub listens."""

    host: str = "127.0.0.1"
    port: int = Field(8080, ge=0, le=65535)
    trusted_proxies: Annotated[
        tuple[Annotated[str, AfterValidator(_network)], ...], BeforeValidator(_proxies)
    ] = ()
    max_body: int = Field(1024 * 1024, ge=1024)
    """Bytes of a webhook's body."""


class DatabaseTable(_Table):
    """`[database]`: where the registry is kept."""

    url: Annotated[SecretStr, AfterValidator(_database)] = SecretStr(DEFAULT_DATABASE)


class BusTable(_Table):
    """`[bus]`: what carries deliveries from the webhooks to the registry."""

    url: Annotated[str, AfterValidator(_bus)] = Field("local:", repr=False)
    queue: int = Field(4096, ge=1)
    """Deliveries that may wait; one more is answered 503."""


class MediaTable(_Table):
    """`[media]`: where files are kept."""

    url: Annotated[str, AfterValidator(_media)] | None = None
    """None stands for a folder `var/media` beside the settings."""
    max_bytes: int = Field(50 * 1024 * 1024, ge=1)


class OutboxTable(_Table):
    """`[outbox]`: how replies are sent. Times are seconds."""

    concurrency: int = Field(64, ge=1, le=1000)
    """Sends of one account under way at once."""
    send_timeout_seconds: float = Field(60.0, gt=0)
    """A send that takes longer has an outcome that nobody knows."""
    lease_seconds: float = Field(90.0, gt=0)
    """How long a send belongs to its process: longer than a send takes."""
    give_up_hours: float = Field(24.0, gt=0)
    """How long a reply is tried while the provider cannot be reached."""

    @model_validator(mode="after")
    def _lease_outlasts_a_send(self) -> Self:
        if self.lease_seconds <= self.send_timeout_seconds:
            raise ValueError("lease_seconds must be more than send_timeout_seconds")
        return self


class Threads(_Table):
    """`[threads]`: when a message joins an appeal that already is."""

    join_window_hours: float = Field(72.0, ge=0)


class Acknowledgement(_Table):
    """`[acknowledgement]`: what a citizen reads whose message opened an appeal.

    A text may hold {number} and {link}, the address at which the appeal can be followed.
    """

    private: bool = False
    """In private chats."""
    public: bool = False
    """In public threads, where everybody reads it."""
    text: Annotated[dict[str, AcknowledgementText], BeforeValidator(_acknowledgements)] = (
        ACKNOWLEDGEMENT
    )
    channels: dict[str, dict[str, AcknowledgementText]] = {}
    """Other words in one channel; an empty text acknowledges nothing there."""

    def worded(self, channel: str, language: str | None, *, public: bool) -> str:
        """The text in a citizen's language; where that is mixed or not known, in two of them.

        In a public thread one alone, as those take short texts only. Empty for none.
        """
        if not (self.public if public else self.private):
            return ""
        texts = {**self.text, **self.channels.get(channel, {})}
        if language in texts:
            return texts[language]
        both = [texts[code] for code in ("kk", "ru") if texts.get(code)]
        return both[0] if both and public else "\n\n".join(both)


class Numbers(_Table):
    """`[numbers]`: what appeal numbers look like."""

    prefix: str = Field("ALM", pattern=r"^[A-Z]{2,5}$")


class Live(_Table):
    """`[live]`: how the operators' screens follow what happens."""

    window_ms: int = Field(100, ge=10, le=5000)
    """Milliseconds for which changes are gathered before they are shown."""


def _issuer(url: str) -> str:
    """As it is: the provider's tokens name it letter by letter."""
    parts = urlsplit(url)
    is_local = parts.hostname in {"127.0.0.1", "::1", "localhost"}
    if url and (parts.scheme != "https" and not (is_local and parts.scheme == "http")):
        raise ValueError("an address that starts with https:// is needed")
    return url


class Oidc(_Table):
    """`[oidc]`: signing in through an OpenID provider; without an issuer there is none."""

    issuer: Annotated[str, AfterValidator(_issuer)] = ""
    client_id: str = ""
    client_secret: SecretStr = SecretStr("")
    name: str = "OpenID"
    """What the button says."""
    create: bool = False
    """Whether somebody new becomes an operator by signing in."""
    role_claim: str = ""
    """The claim that tells roles or groups; empty where roles are given here."""
    roles: dict[str, Literal["operator", "supervisor", "admin"]] = {}
    """What each value of that claim makes of them."""

    @property
    def is_on(self) -> bool:
        """Whether there is a provider."""
        return bool(self.issuer)

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if self.is_on and not (self.client_id and self.client_secret.get_secret_value()):
            raise ValueError("issuer needs client_id and client_secret beside it")
        if self.role_claim and not self.roles:
            raise ValueError("role_claim needs [oidc.roles] with what its values mean")
        return self


class Transcripts(_Table):
    """`[transcripts]`: what was said on the telephone, written down by a machine of our own.

    Each key is the folder of Vosk's model for a language; empty for none.
    """

    kk: str = ""
    ru: str = ""
    en: str = ""

    def folders(self, base: Path) -> dict[str, Path]:
        """The models by language; relative ones start at `base`."""
        named = {"kk": self.kk, "ru": self.ru, "en": self.en}
        return {language: base / folder for language, folder in named.items() if folder}


class Log(_Table):
    """`[log]`: what the hub tells about its work."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["auto", "console", "json"] = "auto"


def _greetings(given: object) -> object:
    """The standard words where nothing else is said; an empty text is no greeting."""
    if not isinstance(given, Mapping):
        return given
    return {language: text for language, text in {**GREETING, **given}.items() if text != ""}


Accounts = dict[Annotated[str, AfterValidator(_account)], dict[str, Any]]


class Settings(_Table):
    """All of an installation's settings. `hub.example.toml` gives every key with its reason."""

    public_url: Annotated[str, AfterValidator(_address)] = "http://127.0.0.1:8080"
    timezone: Annotated[str, AfterValidator(_zone)] = "Asia/Almaty"
    secret_key: Annotated[SecretStr, AfterValidator(_secret)]
    http: Http = Http()
    database: DatabaseTable = DatabaseTable()
    bus: BusTable = BusTable()
    media: MediaTable = MediaTable()
    outbox: OutboxTable = OutboxTable()
    threads: Threads = Threads()
    acknowledgement: Acknowledgement = Acknowledgement()
    numbers: Numbers = Numbers()
    oidc: Oidc = Oidc()
    live: Live = Live()
    transcripts: Transcripts = Transcripts()
    log: Log = Log()
    greeting: Annotated[dict[str, str], BeforeValidator(_greetings)] = GREETING
    """What a citizen who presses Start reads, by language; the first serves every other."""
    channels: dict[str, Accounts] = Field(default={}, repr=False)
    """Checked by each channel's own class, so that a new channel never touches this file."""

    folder: Path = Field(default=Path(), exclude=True)
    """The folder of the settings' file: relative paths start here. Not a key."""


def load(path: Path | None = None, environ: Mapping[str, str] | None = None) -> Settings:
    """The settings of a file and the environment; without a path, of `hub.toml` if there is one.

    Addresses in them that are paths come out absolute.

    Raises: SettingsError.
    """
    environ = os.environ if environ is None else environ
    if path is None and Path(DEFAULT_FILE).is_file():
        path = Path(DEFAULT_FILE)
    folder = (Path() if path is None else path.parent).resolve()
    found = {} if path is None else _parsed(path)
    named = set(_references(found))
    origins = _override(found, environ, named)
    resolved = _resolve(found, environ, folder)
    if "folder" in resolved:
        raise SettingsError(_unknown("folder", ()))
    _anchor(resolved, folder)
    try:
        return Settings.model_validate({**resolved, "folder": folder})
    except ValidationError as error:
        raise SettingsError(sentence(error, model=Settings, origins=origins)) from None


def sentence(
    error: ValidationError,
    prefix: str = "",
    *,
    model: type[BaseModel] | None = None,
    origins: Mapping[tuple[str, ...], str] | None = None,
) -> str:
    """The first fault as one sentence that names the key and the cure, never the value.

    An unknown key comes first: it is often what a missing one was meant to be. `model` is the class
    that refused, for the names an unknown key may have meant; `origins` tells which keys came from
    which environment variable.
    """
    faults = error.errors(include_url=False, include_input=False)
    fault = min(faults, key=lambda fault: fault["type"] != "extra_forbidden")
    place = tuple(str(part) for part in fault["loc"] if part != "[key]")
    key = ".".join((*prefix.split("."), *place) if prefix else place)
    given = (origins or {}).get(place)
    name = f"{given} ({key})" if given else key
    match fault["type"]:
        case "extra_forbidden":
            return _unknown(name, _fields(model, place[:-1]))
        case "missing":
            return (
                f"{name}: this key is missing; set it in the settings' file, "
                f"or as {variable(key.split('.'))} in the environment."
            )
        case kind:
            context = fault.get("ctx", {})
            wanted = _WANTED.get(kind) or _WANTED.get(kind.partition("_")[0]) or fault["msg"]
            return f"{name}: {wanted.format(**context)}."


def variable(key: Sequence[str]) -> str:
    """The environment variable that sets a key."""
    return PREFIX + "__".join(key).upper()


_WANTED = {
    "value_error": "{error}",
    "int": "a whole number is needed",
    "float": "a number is needed",
    "bool": "true or false is needed",
    "string": "a text in quotes is needed",
    "tuple": "a list is needed",
    "list": "a list is needed",
    "dict": "a table is needed",
    "model": "a table is needed",
    "literal_error": "{expected} is needed",
    "greater_than_equal": "{ge} or more is needed",
    "greater_than": "more than {gt} is needed",
    "less_than_equal": "{le} or less is needed",
    "less_than": "less than {lt} is needed",
    "string_pattern_mismatch": "a text of the form {pattern} is needed",
    "string_too_short": "at least {min_length} characters are needed",
    "string_too_long": "at most {max_length} characters fit",
    "too_short": "at least {min_length} are needed",
    "too_long": "at most {max_length} fit",
}
"""What a key needs, by the kind of the fault or by its first word."""


def _parsed(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise SettingsError(f"There is no settings' file {path}.") from None
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise SettingsError(f"{path} is not written in UTF-8.") from None
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path} is no TOML: {error}.") from None


# --- The environment ------------------------------------------------------------------------------

_OPEN_TABLES = frozenset({"channels", "greeting", "acknowledgement"})
"""Tables whose keys are not known here."""


def _override(
    found: dict[str, Any], environ: Mapping[str, str], named: set[str]
) -> dict[tuple[str, ...], str]:
    """Write the keys that the environment sets into `found`, and tell which came from where.

    A variable that a value refers to as `env:NAME` may be called anything. Of the others, one that
    starts with our prefix but is no key's is somebody else's, unless it looks like a slip.

    Raises: SettingsError.
    """
    origins: dict[tuple[str, ...], str] = {}
    known = {variable(key) for key in keys()}
    for name, value in sorted(environ.items()):
        if not name.upper().startswith(PREFIX):
            continue
        path = name[len(PREFIX) :].split("__")
        open_table = len(path) > 1 and path[0].lower() in _OPEN_TABLES
        if name.upper() in known or open_table:
            place = _place(found, path)
            if place is None:
                raise SettingsError(f"{name}: {'.'.join(path[:-1]).lower()} is no table.")
            origins[place] = name
            _set(found, place, value)
        elif name not in named:
            slip = get_close_matches(name.upper(), known, n=1, cutoff=0.85)
            if slip or len(path) > 1:
                hint = f"; did you mean {slip[0]}?" if slip else "."
                raise SettingsError(f"{name}: this variable sets no key{hint}")
    return origins


def _place(found: Mapping[str, Any], path: Sequence[str]) -> tuple[str, ...] | None:
    """The keys along a variable's name, as the file spells them; None where one is no table."""
    place: list[str] = []
    table: Any = found
    for part in path:
        if not isinstance(table, Mapping):
            return None
        spelled = next((key for key in table if key.upper() == part.upper()), part.lower())
        place.append(spelled)
        table = table.get(spelled, {})
    return tuple(place)


def _set(table: dict[str, Any], place: tuple[str, ...], value: str) -> None:
    for key in place[:-1]:
        table = table.setdefault(key, {})
    table[place[-1]] = value


# --- References -----------------------------------------------------------------------------------


def _references(value: object) -> Iterator[str]:
    """The names of the variables that values refer to."""
    match value:
        case str() if value.startswith("env:"):
            yield value.removeprefix("env:")
        case dict():
            for inner in value.values():
                yield from _references(inner)
        case list():
            for inner in value:
                yield from _references(inner)


def _resolve(value: Any, environ: Mapping[str, str], folder: Path, key: str = "") -> Any:
    """Put what `env:NAME` and `file:PATH` stand for in their places. Raises: SettingsError."""
    match value:
        case dict():
            return {
                name: _resolve(inner, environ, folder, f"{key}.{name}".lstrip("."))
                for name, inner in value.items()
            }
        case list():
            return [_resolve(inner, environ, folder, key) for inner in value]
        case str() if value.startswith("env:"):
            return _from_variable(key, value.removeprefix("env:"), environ)
        # file:///… is an address.
        case str() if value.startswith("file:") and not value.startswith("file://"):
            return _from_file(key, folder / value.removeprefix("file:"))
        case _:
            return value


def _from_variable(key: str, name: str, environ: Mapping[str, str]) -> str:
    found = environ.get(name, "")
    if not found:
        raise SettingsError(f"{key}: the environment variable {name} is not set.")
    return found


def _from_file(key: str, path: Path) -> str:
    try:
        found = path.read_text("utf-8").strip()
    except FileNotFoundError:
        raise SettingsError(f"{key}: there is no file {path}.") from None
    except OSError as error:
        raise SettingsError(f"{key}: {path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise SettingsError(f"{key}: {path} is not written in UTF-8.") from None
    if not found:
        raise SettingsError(f"{key}: the file {path} is empty.")
    return found


def _anchor(found: dict[str, Any], folder: Path) -> None:
    """Make the addresses that are paths absolute, the default ones too."""
    database = found.setdefault("database", {})
    if isinstance(database, dict):
        url = database.setdefault("url", DEFAULT_DATABASE)
        if isinstance(url, str) and url.startswith("sqlite:///"):
            database["url"] = f"sqlite:///{folder / url.removeprefix('sqlite:///')}"
    media = found.setdefault("media", {})
    if isinstance(media, dict):
        media.setdefault("url", (folder / "var" / "media").as_uri())


# --- Keys -----------------------------------------------------------------------------------------


def keys(model: type[BaseModel] = Settings) -> Iterator[tuple[str, ...]]:
    """Every key that has a name of its own, tables taken apart."""
    for name, field in model.model_fields.items():
        if field.exclude:
            continue
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            for rest in keys(inner):
                yield (name, *rest)
        else:
            yield (field.alias or name,)


def _fields(model: type[BaseModel] | None, place: Sequence[str]) -> list[str]:
    """The names in the table at `place`."""
    for part in place:
        field = None if model is None else model.model_fields.get(part)
        inner = None if field is None else field.annotation
        model = inner if isinstance(inner, type) and issubclass(inner, BaseModel) else None
    if model is None:
        return []
    return [f.alias or name for name, f in model.model_fields.items() if not f.exclude]


def _unknown(name: str, known: Sequence[str]) -> str:
    last = name.rpartition(".")[2].rstrip(")")
    meant = get_close_matches(last, known, n=1)
    hint = f"did you mean {meant[0]}?" if meant else "remove it, or correct its name."
    return f"{name}: there is no such key; {hint}"
