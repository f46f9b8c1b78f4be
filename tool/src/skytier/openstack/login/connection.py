"""The way to a cloud's API: openstacksdk with a session that is patient where that is safe."""

import time
from collections.abc import Collection, Iterator
from typing import Any

import requests
from keystoneauth1 import exceptions
from keystoneauth1.session import Session
from openstack.connection import Connection

from skytier.errors import SkytierError
from skytier.openstack import catalog
from skytier.openstack.login import clouds, keystone
from skytier.openstack.login.unconnected import connection_error

READING = frozenset({"GET", "HEAD"})
IDEMPOTENT = READING | {"PUT", "DELETE"}
SAFE_POSTS = ("/auth/tokens", "/metadata")
"""To ask for a token leaves nothing behind, and to set metadata twice is to set it once."""
REFUSED = 429
"""The server says that it did nothing: asking again is safe whatever the method."""
AMBIGUOUS = frozenset({500, 502, 503, 504})
CONFLICT = 409
"""As the answer to a question: of two that are a project's first ones to Ceph's object store at the
same time, each has it make the project's user, and one is refused."""
ATTEMPTS = 6
LONGEST_WAIT_S = 20.0
API_TIMEOUT_S = 60.0


class PatientSession(Session):
    """Repeats what may be repeated: everything idempotent, and what was refused by a rate limit.

    A POST whose answer was lost may have done its work. It is not repeated here, but by
    `resources.creation`, which looks for its result first. Where nobody listens, and nobody did
    before, the address is rather wrong than the cloud busy, and one repetition has to do.
    """

    _reached = False

    def request(  # type: ignore[override]  # the other arguments are handed on as they are
        self, url: str, method: str, **arguments: Any
    ) -> requests.Response:
        """The answer, as keystoneauth gives it; what is still wrong at last is raised."""
        # Both layers below would repeat a POST.
        arguments |= {"connect_retries": 0, "status_code_retries": 0}
        safe = method.upper() in IDEMPOTENT or url.endswith(SAFE_POSTS)
        unwelcome = {*AMBIGUOUS, CONFLICT} if method.upper() in READING else AMBIGUOUS
        for attempt, wait_s in enumerate((*_waits(), None)):
            try:
                response: requests.Response = super().request(url, method, **arguments)
            except (exceptions.ConnectionError, exceptions.HttpError) as error:
                status = getattr(error, "http_status", None)
                hopeless = attempt > 0 and not self._reached and _nobody_listens(error)
                if wait_s is None or hopeless or not _again(status, safe, unwelcome):
                    raise
                retry_after = getattr(error, "retry_after", 0)
            else:
                self._reached = True
                status = response.status_code
                if wait_s is None or status < 400 or not _again(status, safe, unwelcome):
                    return response
                retry_after = response.headers.get("Retry-After", 0)
            time.sleep(min(max(wait_s, _seconds(retry_after)), LONGEST_WAIT_S))
        raise AssertionError("unreachable")


def _again(status: int | None, safe: bool, unwelcome: Collection[int]) -> bool:
    return status == REFUSED or (safe and (not status or status in unwelcome))


def _nobody_listens(error: Exception) -> bool:
    # keystoneauth has one class for all that can happen to a connection; urllib3's is in its text.
    return "NewConnectionError" in str(error) or "NameResolutionError" in str(error)


def _waits() -> Iterator[float]:
    yield from (0.5 * 2**attempt for attempt in range(ATTEMPTS - 1))


def _seconds(retry_after: object) -> float:
    text = str(retry_after)
    return float(text) if text.isdecimal() else 0.0


def connect(name: str | None, region_name: str | None = None) -> Connection:
    """A connection to a cloud of clouds.yaml; None takes OS_CLOUD or the environment's OS_*.

    `region_name` is the region of it; None takes the one of the entry.

    What answers is looked at before a password is sent. Raises SkytierError when there is no such
    cloud, when it lets nobody in, or when it has no such region.
    """
    region = clouds.region(name, PatientSession, region_name)
    timeout_s = float(region.config.get("api_timeout") or API_TIMEOUT_S)
    region.config["api_timeout"] = timeout_s
    url = str(region.auth.get("auth_url") or "")
    try:
        if url:
            verify, cert = region.get_requests_verify_args()
            keystone.look(PatientSession(verify=verify, cert=cert, timeout=timeout_s), url)
        connection = Connection(config=region)
        catalog.refuse_region(connection)
        # Made here once, since several threads use them later.
        for service in ("compute", "network", "image"):
            getattr(connection, service)
        connection.compute.get_endpoint_data()  # its versions, which each thread would ask for
    except SkytierError as error:
        error.do = clouds.advice(name, error.do or "")
        raise
    except Exception as error:
        said = connection_error(name or "of the environment", url, error)
        raise SkytierError(said.what, clouds.advice(name, said.do or "")) from error
    return connection
