"""The settings: what a file and the environment give, and the sentence when they give nonsense."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, SecretStr, ValidationError

import config
from config.settings import ACKNOWLEDGEMENT, GREETING, Settings, SettingsError, keys, load, sentence
from connectors.base import Context
from connectors.discovery import channel_class, channel_names, open_accounts

EXAMPLE = Path(config.__file__).parent / "hub.example.toml"
SECRET = "қ" + "k" * 40
ENVIRON = {"HUB_SECRET_KEY": SECRET}


def _written(folder: Path, text: str) -> Path:
    path = folder / "hub.toml"
    path.write_text(text, "utf-8")
    return path


def _refusal(path: Path | None, environ: Mapping[str, str]) -> str:
    with pytest.raises(SettingsError) as refused:
        load(path, environ)
    return str(refused.value)


# --- What is there --------------------------------------------------------------------------------


def test_a_secret_in_the_environment_is_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    settings = load(None, ENVIRON)

    assert settings.secret_key.get_secret_value() == SECRET
    assert settings.http.port == 8080
    assert settings.database.url.get_secret_value() == f"sqlite:///{tmp_path}/var/hub.db"
    assert settings.media.url == f"file://{tmp_path}/var/media"
    assert settings.folder == tmp_path


def test_hub_toml_of_the_present_folder_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    _written(tmp_path, "[http]\nport = 9000\n")

    assert load(None, ENVIRON).http.port == 9000


def test_paths_start_at_the_folder_of_the_file(tmp_path: Path) -> None:
    path = _written(tmp_path, '[database]\nurl = "sqlite:///data/city.db"\n')

    settings = load(path, ENVIRON)

    assert settings.database.url.get_secret_value() == f"sqlite:///{tmp_path}/data/city.db"
    assert settings.media.url == f"file://{tmp_path}/var/media"


def test_an_absolute_path_stays_what_it_is(tmp_path: Path) -> None:
    path = _written(
        tmp_path,
        '[database]\nurl = "sqlite:////srv/hub.db"\n[media]\nurl = "file:///srv/media"\n',
    )

    settings = load(path, ENVIRON)

    assert settings.database.url.get_secret_value() == "sqlite:////srv/hub.db"
    assert settings.media.url == "file:///srv/media"


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    path = _written(
        tmp_path,
        'timezone = "UTC"\n[http]\nport = 1\n[channels.telegram.Main]\ntoken = "of the file"\n',
    )
    environ = {
        **ENVIRON,
        "HUB_TIMEZONE": "Asia/Almaty",
        "HUB_HTTP__PORT": "8181",
        "HUB_HTTP__TRUSTED_PROXIES": "10.0.0.1, 192.168.0.0/16",
        "HUB_CHANNELS__TELEGRAM__MAIN__TOKEN": "12345",
        "HUB_CHANNELS__BLACKHOLE__LOAD__DELAY": "0.5",
        "HUB_GREETING__RU": "Добрый день!",
        "HUB_GREETING__EN": "",
    }

    settings = load(path, environ)

    assert settings.timezone == "Asia/Almaty"
    assert settings.http.port == 8181
    assert settings.http.trusted_proxies == ("10.0.0.1", "192.168.0.0/16")
    assert settings.channels == {
        "telegram": {"Main": {"token": "12345"}},
        "blackhole": {"load": {"delay": "0.5"}},
    }
    assert settings.greeting == {"kk": GREETING["kk"], "ru": "Добрый день!"}


def test_a_value_is_taken_from_a_variable_or_a_file(tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "token").write_text("  7:abc\n", "utf-8")
    path = _written(
        tmp_path,
        'secret_key = "env:CITY_SECRET"\n'
        "[channels.telegram.main]\n"
        'token = "file:secrets/token"\n'
        'webhook_secret = "env:HUB_ANYTHING"\n'
        'list = ["env:CITY_SECRET"]\n',
    )

    settings = load(path, {"CITY_SECRET": SECRET, "HUB_ANYTHING": "w"})

    assert settings.secret_key.get_secret_value() == SECRET
    assert settings.channels["telegram"]["main"] == {
        "token": "7:abc",
        "webhook_secret": "w",
        "list": [SECRET],
    }


def test_variables_that_belong_to_somebody_else_are_left_alone(tmp_path: Path) -> None:
    environ = {**ENVIRON, "HUB_PORT": "tcp://10.0.0.1:80", "HUB_SERVICE_HOST": "10.0.0.1"}

    assert load(_written(tmp_path, ""), environ).http.port == 8080


# --- What is wrong --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "environ", "expected"),
    [
        (
            "",
            {},
            (
                "secret_key: this key is missing; set it in the settings' file, "
                "or as HUB_SECRET_KEY in the environment."
            ),
        ),
        (
            'public_ulr = "https://a.kz"',
            ENVIRON,
            "public_ulr: there is no such key; did you mean public_url?",
        ),
        ("[http]\nprot = 1", ENVIRON, "http.prot: there is no such key; did you mean port?"),
        (
            'folder = "/srv"',
            ENVIRON,
            "folder: there is no such key; remove it, or correct its name.",
        ),
        ('[http]\nport = "high"', ENVIRON, "http.port: a whole number is needed."),
        ("[http]\nport = 70000", ENVIRON, "http.port: 65535 or less is needed."),
        ("http = 1", ENVIRON, "http: a table is needed."),
        ("database = 1", ENVIRON, "database: a table is needed."),
        ("media = 1", ENVIRON, "media: a table is needed."),
        ("timezone = 5", ENVIRON, "timezone: a text in quotes is needed."),
        ('timezone = "Asia/Almata"', ENVIRON, "timezone: there is no time zone 'Asia/Almata'."),
        (
            'public_url = "hub.example.kz"',
            ENVIRON,
            "public_url: an address that starts with http:// or https:// is needed.",
        ),
        (
            '[database]\nurl = "mysql://db"',
            ENVIRON,
            "database.url: an address that starts with sqlite:/// or postgresql:// is needed.",
        ),
        (
            "[threads]\njoin_window_hours = -1",
            ENVIRON,
            "threads.join_window_hours: 0.0 or more is needed.",
        ),
        (
            '[log]\nlevel = "loud"',
            ENVIRON,
            "log.level: 'debug', 'info', 'warning' or 'error' is needed.",
        ),
        (
            '[http]\ntrusted_proxies = ["proxy"]',
            ENVIRON,
            "http.trusted_proxies.0: 'proxy' is neither an IP address nor a network.",
        ),
        (
            "[numbers]\nprefix = 'алм'",
            ENVIRON,
            "numbers.prefix: a text of the form ^[A-Z]{2,5}$ is needed.",
        ),
        (
            '[oidc]\nissuer = "http://id.example.kz"',
            ENVIRON,
            "oidc.issuer: an address that starts with https:// is needed.",
        ),
        (
            '[oidc]\nissuer = "https://id.example.kz"\nclient_id = "hub"',
            ENVIRON,
            "oidc: issuer needs client_id and client_secret beside it.",
        ),
        (
            '[oidc]\nrole_claim = "groups"',
            ENVIRON,
            "oidc: role_claim needs [oidc.roles] with what its values mean.",
        ),
        ("[channels]\ntelegram = 1", ENVIRON, "channels.telegram: a table is needed."),
        (
            "[channels.telegram.'глав ный']\n",
            ENVIRON,
            (
                "channels.telegram.глав ный: "
                "an account's name is made of Latin letters, digits, - and _."
            ),
        ),
        (
            'secret_key = "env:CITY"',
            {},
            "secret_key: the environment variable CITY is not set.",
        ),
        (
            '[channels.sms.main]\nauth_token = "env:SMS"',
            {**ENVIRON, "SMS": ""},
            "channels.sms.main.auth_token: the environment variable SMS is not set.",
        ),
        (
            "",
            {"HUB_SECRET_KEY": "short"},
            "HUB_SECRET_KEY (secret_key): at least 32 characters are needed.",
        ),
        (
            "",
            {**ENVIRON, "HUB_HTTP__PORT": "x"},
            "HUB_HTTP__PORT (http.port): a whole number is needed.",
        ),
        (
            "",
            {**ENVIRON, "HUB_HTTP_PORT": "1"},
            "HUB_HTTP_PORT: this variable sets no key; did you mean HUB_HTTP__PORT?",
        ),
        ("", {**ENVIRON, "HUB_MAIL__FROM": "a"}, "HUB_MAIL__FROM: this variable sets no key."),
        (
            "channels = 1",
            {**ENVIRON, "HUB_CHANNELS__SMS__MAIN__FROM": "1"},
            "HUB_CHANNELS__SMS__MAIN__FROM: channels.sms.main is no table.",
        ),
    ],
)
def test_a_fault_is_one_sentence_that_names_the_key(
    tmp_path: Path, text: str, environ: dict[str, str], expected: str
) -> None:
    assert _refusal(_written(tmp_path, text), environ) == expected


def test_an_unknown_key_is_named_before_the_missing_one_it_was_meant_to_be(tmp_path: Path) -> None:
    found = _refusal(_written(tmp_path, f'secretkey = "{SECRET}"'), {})

    assert found == "secretkey: there is no such key; did you mean secret_key?"


def test_a_file_that_a_value_names_must_be_there_and_hold_something(tmp_path: Path) -> None:
    path = _written(tmp_path, 'secret_key = "file:secret"')
    assert _refusal(path, {}) == f"secret_key: there is no file {tmp_path}/secret."

    (tmp_path / "secret").write_text("\n")
    assert _refusal(path, {}) == f"secret_key: the file {tmp_path}/secret is empty."

    (tmp_path / "secret").write_bytes(b"\xff" * 40)
    assert _refusal(path, {}) == f"secret_key: {tmp_path}/secret is not written in UTF-8."

    (tmp_path / "secret").unlink()
    (tmp_path / "secret").mkdir()
    assert _refusal(path, {}) == f"secret_key: {tmp_path}/secret cannot be read: Is a directory."


def test_a_file_of_settings_must_be_there_and_be_toml(tmp_path: Path) -> None:
    path = tmp_path / "hub.toml"
    assert _refusal(path, ENVIRON) == f"There is no settings' file {path}."

    path.write_text("port = \n")
    assert re.fullmatch(rf"{path} is no TOML: .*line 1.*\.", _refusal(path, ENVIRON))

    path.write_bytes(b"\xff")
    assert _refusal(path, ENVIRON) == f"{path} is not written in UTF-8."

    assert _refusal(tmp_path, ENVIRON) == f"{tmp_path} cannot be read: Is a directory."


class _Account(BaseModel, extra="forbid"):
    token: SecretStr
    poll_seconds: int = 60


def _account_refusal(given: dict[str, Any]) -> str:
    with pytest.raises(ValidationError) as refused:
        _Account.model_validate(given)
    return sentence(refused.value, prefix="channels.sms.main", model=_Account)


def test_an_accounts_fault_is_told_by_the_whole_key() -> None:
    assert _account_refusal({}) == (
        "channels.sms.main.token: this key is missing; set it in the settings' file, "
        "or as HUB_CHANNELS__SMS__MAIN__TOKEN in the environment."
    )
    assert _account_refusal({"tokne": "s3cr3t"}) == (
        "channels.sms.main.tokne: there is no such key; did you mean token?"
    )
    assert _account_refusal({"token": 7, "poll_seconds": 1}) == (
        "channels.sms.main.token: a text in quotes is needed."
    )


# --- What must not be seen ------------------------------------------------------------------------


def test_no_secret_shows_in_a_repr(tmp_path: Path) -> None:
    path = _written(
        tmp_path,
        '[database]\nurl = "postgresql://hub:s3cr3t@db/hub"\n'
        '[bus]\nurl = "nats://hub:s3cr3t@bus"\n'
        '[channels.telegram.main]\ntoken = "s3cr3t"\n',
    )

    shown = repr(load(path, ENVIRON))

    assert "s3cr3t" not in shown
    assert SECRET not in shown


@pytest.mark.parametrize(
    "text",
    [
        'secret_key = "s3cr3t"',
        '[database]\nurl = "s3cr3t"',
        '[bus]\nurl = "s3cr3t"',
        "[channels.telegram]\nmain = 's3cr3t'",
        '[oidc]\nissuer = "https://id.example.kz"\nclient_secret = "s3cr3t"',
        "channels = 's3cr3t'",
    ],
)
def test_no_secret_shows_in_a_refusal(tmp_path: Path, text: str) -> None:
    path = _written(tmp_path, text)
    with pytest.raises(SettingsError) as refused:
        load(path, {} if "secret_key" in text else ENVIRON)

    assert "s3cr3t" not in str(refused.value)
    assert refused.value.__cause__ is None
    assert refused.value.__suppress_context__


# --- The example ----------------------------------------------------------------------------------


def test_the_example_loads_as_it_stands(tmp_path: Path) -> None:
    path = _written(tmp_path, EXAMPLE.read_text("utf-8"))

    assert load(path, ENVIRON).public_url == "https://hub.example.kz"


def test_the_example_has_every_key_and_no_other() -> None:
    written = set(_written_keys(tomllib.loads(_uncommented())))
    open_tables = {("acknowledgement", "text"), ("acknowledgement", "channels"), ("oidc", "roles")}
    expected = set(keys()) - {("channels",), ("greeting",)} - open_tables
    expected |= {("oidc", "roles", "operators")}
    expected |= {("greeting", language) for language in GREETING}
    expected |= {("acknowledgement", "text", language) for language in ACKNOWLEDGEMENT}
    expected |= {("acknowledgement", "channels", "sms", "ru")}
    for channel in channel_names():
        expected |= {("channels", channel, *key) for key in keys(channel_class(channel).Settings)}

    assert written == expected


def test_the_example_opens_every_channel_with_every_key_set(tmp_path: Path) -> None:
    environ = dict.fromkeys(re.findall(r'"env:(\w+)"', _uncommented()), "x" * 40)
    environ["TELEGRAM_TOKEN"] = "7:example"
    environ["TWILIO_ACCOUNT_SID"] = "AC" + "0" * 32

    settings = load(_written(tmp_path, _uncommented()), environ)
    accounts = open_accounts(settings.channels, Context(public_url=settings.public_url))

    assert sorted({key.channel for key in accounts}) == channel_names()


def test_a_key_that_is_commented_out_shows_its_default() -> None:
    shown = tomllib.loads(_uncommented())
    usual = Settings(secret_key=SecretStr(SECRET)).model_dump(mode="json")
    active = tomllib.loads(EXAMPLE.read_text("utf-8"))
    for table, values in shown.items():
        if table == "channels" or (table in active and not isinstance(values, dict)):
            continue
        if not isinstance(values, dict):
            assert values == usual[table], table
            continue
        for key, value in values.items():
            if (table, key) in {("media", "url"), ("acknowledgement", "channels"), _ROLES}:
                continue  # a folder beside the file; examples of other words, and of roles
            default = Settings.model_fields[table].default
            expected = default[key] if isinstance(default, dict) else getattr(default, key)
            if isinstance(expected, SecretStr):
                expected = expected.get_secret_value()
            assert value == (list(expected) if isinstance(expected, tuple) else expected), key


_ROLES = ("oidc", "roles")


def _uncommented() -> str:
    """The example with every key set: a "#" right before a key or a table is taken away."""
    return re.sub(r"(?m)^#(?=[\[a-z])", "", EXAMPLE.read_text("utf-8"))


def _written_keys(
    table: Mapping[str, Any], place: tuple[str, ...] = ()
) -> Iterator[tuple[str, ...]]:
    for key, value in table.items():
        if isinstance(value, dict):
            yield from _written_keys(value, (*place, key))
        elif place[:1] == ("channels",):
            yield ("channels", place[1], *place[3:], key)  # whatever the account is called
        else:
            yield (*place, key)
