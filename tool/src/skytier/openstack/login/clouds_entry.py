"""What is wrong with a cloud's entry in clouds.yaml, before openstacksdk stumbles over it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from skytier.errors import SkytierError
from skytier.openstack.login.clouds_file import CloudsFile

NEW = ", or download clouds.yaml again from your cloud's dashboard (API Access)."
_SECRETS = ", or write it into secure.yaml beside it, in the same form."
_USER = "username: NAME and user_domain_name: Default"
_PASSWORD = {"", "password", "v3password", "v2password"}
_TOKEN = {"token", "v3token", "v2token"}
_NOT_TEXTS = {"auth_methods"}
_SECRET_KEYS = {"password", "token", "application_credential_secret"}
"""They may be in secure.yaml instead."""
_AUTH_KEYS = (
    *("auth_url", "username", "user_id", "password", "token"),
    *("application_credential_id", "application_credential_name", "application_credential_secret"),
)
_APPLICATION = {"v3applicationcredential"}


@dataclass(frozen=True)
class Fault:
    """What is wrong, at which key of the entry, and what to do."""

    keys: tuple[str, ...]
    said: str
    do: str


def refuse_shape(file: CloudsFile, name: str | None) -> None:
    """Raises SkytierError where the file is no list of clouds, or the cloud's entry no section."""
    data = file.data
    if data is None:
        return
    if not isinstance(data, Mapping) or not isinstance(data.get("clouds"), Mapping | None):
        raise SkytierError(
            f"{file.at('clouds')}: there is no section of clouds.",
            f"It begins with the line clouds: and has each cloud below, indented{NEW}",
        )
    for cloud, entry in (data.get("clouds") or {}).items():
        if str(cloud) == name:
            _refuse_entry(file, str(cloud), entry)


def _refuse_entry(file: CloudsFile, cloud: str, entry: Any) -> None:
    here = ("clouds", cloud)
    if not isinstance(entry, Mapping):
        raise SkytierError(
            f"{file.at(*here)}: the cloud {cloud} has no keys.",
            f"Write auth: below it, indented, and auth_url: below that{NEW}",
        )
    auth = entry.get("auth", {})
    if not isinstance(auth, Mapping):
        raise SkytierError(
            f"{file.at(*here, 'auth')}: auth of the cloud {cloud} is no section.",
            f"Write its keys below it, each on a line of its own, indented: auth_url: ...{NEW}",
        )
    for key, value in auth.items():
        if isinstance(value, str) or key in _NOT_TEXTS or (value is None and key in _SECRET_KEYS):
            continue
        where = file.at(*here, "auth", str(key))
        if value is None:
            raise SkytierError(
                f"{where}: {key} of the cloud {cloud} has no value.",
                f"Write one behind it, or take the line away{NEW}",
            )
        raise SkytierError(
            f"{where}: the value of {key} is no text to YAML ({type(value).__name__}).",
            f'Put it into quotes: {key}: "..."',
        )


def refuse(file: CloudsFile | None, name: str, config: Mapping[str, Any]) -> None:
    """Raises SkytierError for the first fault of what is known of a cloud.

    `config` is its entry with all that openstacksdk adds: secure.yaml, profiles, the environment.
    """
    for fault in faults(config):
        where = file.at("clouds", name, *fault.keys) if file else "The environment"
        raise SkytierError(f"{where}: the cloud {name} {fault.said}.", fault.do)


def faults(config: Mapping[str, Any]) -> Iterator[Fault]:
    """Everything that is wrong with an entry."""
    # The variables of the environment are not below auth yet.
    beside = {key: config[key] for key in _AUTH_KEYS if config.get(key)}
    auth, kind = (
        {**beside, **(config.get("auth") or {})},
        str(config.get("auth_type") or "").lower(),
    )
    yield from _values(config, auth)
    if kind in ("none", "noauth", "admin_token", "http_basic"):
        return
    if not auth.get("auth_url"):
        yield Fault(
            ("auth",),
            "has no auth_url, the address of Keystone",
            f"Add below auth: auth_url: https://.../v3{NEW}",
        )
    yield from _who(auth, kind)


def _values(config: Mapping[str, Any], auth: Mapping[str, Any]) -> Iterator[Fault]:
    for key in ("cacert", "cert", "key"):
        path = config.get(key)
        if isinstance(path, str) and not Path(path).expanduser().exists():
            yield Fault(
                (key,),
                f"names {path} as its {key}, and there is no such file",
                f"Put the file there, or name the right one: {key}: /path/to/file.pem",
            )
    timeout = config.get("api_timeout")
    if timeout is not None and not _is_number(timeout):
        yield Fault(
            ("api_timeout",),
            f"has {timeout!r} as its api_timeout",
            "Write seconds: api_timeout: 60",
        )
    if (url := auth.get("auth_url")) and isinstance(url, str) and not _is_url(url):
        yield Fault(
            ("auth", "auth_url"),
            f"has {url!r} as its auth_url, which is no address",
            "Write it as https://.../v3, as the dashboard shows it.",
        )


def _who(auth: Mapping[str, Any], kind: str) -> Iterator[Fault]:
    application = "application_credential_id" in auth or "application_credential_name" in auth
    if application and kind not in _APPLICATION:
        yield Fault(
            ("auth",),
            "has an application credential, and its auth_type says nothing of that",
            "Add beside auth: (indented as auth: is): auth_type: v3applicationcredential",
        )
    elif kind in _APPLICATION:
        if not application:
            add = "application_credential_id: ID"
            yield Fault(
                ("auth",), "names no application credential", f"Add below auth: {add} {NEW}"
            )
        if not auth.get("application_credential_secret"):
            yield Fault(
                ("auth",),
                "has no secret of its application credential",
                f"Add below auth: application_credential_secret: ...{_SECRETS}",
            )
    elif kind in _TOKEN:
        if not auth.get("token"):
            yield Fault(("auth",), "has no token", f"Add below auth: token: ...{_SECRETS}")
    elif kind in _PASSWORD and not auth.get("token"):
        if not (auth.get("username") or auth.get("user_id")):
            yield Fault(("auth",), "names no user", f"Add below auth: {_USER}{NEW}")
        if not auth.get("password"):
            yield Fault(
                ("auth",),
                "has no password; the dashboard leaves it out",
                f"Add below auth: password: ...{_SECRETS}",
            )


def _is_number(value: object) -> bool:
    try:
        return float(str(value)) > 0
    except ValueError:
        return False


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
