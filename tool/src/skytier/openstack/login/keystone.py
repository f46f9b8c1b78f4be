"""What answers at auth_url, looked at before a password is sent there."""

import json
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests
from keystoneauth1 import exceptions
from keystoneauth1.session import Session

from skytier.errors import SkytierError
from skytier.openstack.login import certificates

_REDIRECTS = frozenset({301, 302, 303, 305, 307, 308})
_URL = "auth_url in clouds.yaml"
_RIGHT = f"Check {_URL}: it ends with /v3, or with Keystone's port or path."


def look(session: Session, url: str) -> requests.Response:
    """Keystone's answer at an address, asked without credentials.

    Raises SkytierError when nobody answers, or something that is not Keystone's version 3.
    """
    try:
        answer = session.get(
            url,
            authenticated=False,
            raise_exc=False,
            redirect=False,
            connect_retries=0,
            headers={"Accept": "application/json"},
        )
    except exceptions.SSLError as error:
        raise certificates.explained(url, error) from error
    except exceptions.ClientException as error:
        raise _no_answer(url, error) from error
    _refuse_others(url, answer)
    return answer


def _no_answer(url: str, error: Exception) -> SkytierError:
    if "BadStatusLine" in str(error) or "RemoteDisconnected" in str(error):
        return SkytierError(
            f"{url} does not answer as a web server does: {error}",
            f"Check {_URL}, the port too; perhaps it has to begin with https://.",
        )
    return SkytierError(
        f"{url} does not answer: {error}",
        f"Check {_URL}, the network, and whether a VPN or proxy is needed.",
    )


def _refuse_others(url: str, answer: requests.Response) -> None:
    status, text = answer.status_code, answer.text[:4000]
    if status in _REDIRECTS:
        where = urljoin(url, answer.headers.get("Location", ""))
        raise SkytierError(
            f"{url} leads to {where}.", f"If that is your cloud, write it in {_URL}."
        )
    if urlsplit(url).scheme == "http" and status == 400 and "https" in text.lower():
        raise SkytierError(f"{url} speaks https.", f"Write https:// in {_URL}.")
    versions = versions_of(answer.content)
    if any(version.startswith("v3") for version in versions):
        return
    if versions:
        raise SkytierError(
            f"Keystone at {url} has only {', '.join(versions)}, and version 3 is needed.",
            f"Check {_URL}, or ask the cloud's operator.",
        )
    if status >= 500:
        raise SkytierError(
            f"{url} answers with an error ({status} {answer.reason}).",
            "Try again later; if it stays, ask the cloud's operator.",
        )
    kind = answer.headers.get("Content-Type", "").partition(";")[0] or "nothing"
    what = f"with {status}" if status >= 400 else f"with {kind}"
    raise SkytierError(f"{url} is not Keystone: it answers {what}. No password was sent.", _RIGHT)


def versions_of(body: bytes) -> list[str]:
    """The versions that a document of Keystone names: `["v3.14"]`; empty for any other.

    >>> versions_of(b'{"version": {"id": "v3.14", "status": "stable"}}')
    ['v3.14']
    """
    try:
        found: Any = json.loads(body)
    except (ValueError, RecursionError):
        return []
    if not isinstance(found, dict):
        return []
    listed = found.get("versions", found.get("version"))
    if isinstance(listed, dict):
        listed = listed.get("values", [listed])
    if not isinstance(listed, list):
        return []
    ids = [each.get("id") for each in listed if isinstance(each, dict)]
    return [each for each in ids if isinstance(each, str) and each.startswith("v")]
