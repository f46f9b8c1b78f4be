"""The way to a cloud's API: openstacksdk with a session that is patient where that is safe."""

import time
from collections.abc import Iterator
from typing import Any

import openstack
import requests
from keystoneauth1 import exceptions as keystone
from keystoneauth1.session import Session
from openstack.config import OpenStackConfig
from openstack.connection import Connection
from openstack.exceptions import ConfigException

from skytier.errors import SkytierError

IDEMPOTENT = frozenset({"GET", "HEAD", "PUT", "DELETE"})
SAFE_POSTS = ("/auth/tokens", "/metadata")
"""To ask for a token leaves nothing behind, and to set metadata twice is to set it once."""
REFUSED = 429
"""The server says that it did nothing: asking again is safe whatever the method."""
AMBIGUOUS = frozenset({500, 502, 503, 504})
ATTEMPTS = 6
LONGEST_WAIT_S = 20.0
API_TIMEOUT_S = 60.0


class PatientSession(Session):
    """Repeats what may be repeated: everything idempotent, and what was refused by a rate limit.

    A POST whose answer was lost may have done its work. It is not repeated here, but by
    `resources.creation`, which looks for its result first.
    """

    def request(  # type: ignore[override]  # the other arguments are handed on as they are
        self, url: str, method: str, **arguments: Any
    ) -> requests.Response:
        """The answer, as keystoneauth gives it; what is still wrong at last is raised."""
        # Both layers below would repeat a POST.
        arguments |= {"connect_retries": 0, "status_code_retries": 0}
        safe = method.upper() in IDEMPOTENT or url.endswith(SAFE_POSTS)
        for wait_s in (*_waits(), None):
            try:
                response: requests.Response = super().request(url, method, **arguments)
            except (keystone.ConnectionError, keystone.HttpError) as error:
                status = getattr(error, "http_status", None)
                if wait_s is None or not _again(status, safe):
                    raise
                retry_after = getattr(error, "retry_after", 0)
            else:
                status = response.status_code
                if wait_s is None or status < 400 or not _again(status, safe):
                    return response
                retry_after = response.headers.get("Retry-After", 0)
            time.sleep(min(max(wait_s, _seconds(retry_after)), LONGEST_WAIT_S))
        raise AssertionError("unreachable")


def _again(status: int | None, safe: bool) -> bool:
    return status == REFUSED or (safe and (not status or status in AMBIGUOUS))


def _waits() -> Iterator[float]:
    yield from (0.5 * 2**attempt for attempt in range(ATTEMPTS - 1))


def _seconds(retry_after: object) -> float:
    text = str(retry_after)
    return float(text) if text.isdecimal() else 0.0


def connect(name: str | None) -> Connection:
    """A connection to a cloud of clouds.yaml; None takes OS_CLOUD or the environment's OS_*.

    Nothing is asked of the cloud yet. Raises SkytierError when there is no such cloud.
    """
    config = OpenStackConfig(session_constructor=PatientSession, app_name="skytier")
    try:
        region = config.get_one(cloud=name)
    except ConfigException as error:
        known = ", ".join(sorted(config.get_cloud_names())) or "none"
        raise SkytierError(
            f"There is no usable cloud {name!r} in clouds.yaml: {error}",
            f"Clouds that are there: {known}. The file is looked for in the current directory, in "
            "~/.config/openstack/ and in /etc/openstack/.",
        ) from error
    region.config["api_timeout"] = region.config.get("api_timeout") or API_TIMEOUT_S
    connection = openstack.connection.Connection(config=region)
    # Made here once, since several threads use them later.
    for service in ("compute", "network", "image"):
        getattr(connection, service)
    return connection
