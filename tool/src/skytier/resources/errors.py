"""What the cloud's errors mean to an operator."""

from keystoneauth1.exceptions import ClientException
from openstack.exceptions import HttpException, SDKException

from skytier.errors import SkytierError

API_ERRORS = (SDKException, ClientException)


def explained(what: str, error: Exception) -> SkytierError:
    """An error of the API as one that says what to do. `what` is what was being done, to what."""
    said = _said(error)
    status = getattr(error, "status_code", None) or getattr(error, "http_status", None)
    if status in (403, 413, 409) and "quota" in said.lower():
        return SkytierError(
            f"{what}: the project's quota is used up. The cloud says: {said}",
            "See what is short: skytier doctor. Ask the cloud's operator for more, or free some. "
            "Then run skytier up again: it goes on where it stopped.",
        )
    if status == 401:
        return SkytierError(
            f"{what}: the cloud does not accept the credentials. It says: {said}",
            "Look at the cloud's entry in clouds.yaml.",
        )
    if status == 403:
        return SkytierError(
            f"{what}: the cloud does not allow it. It says: {said}",
            "The user needs the role member in this project.",
        )
    if status is None:
        return SkytierError(
            f"{what}: the cloud's API gave no answer. {said}",
            "Check that this machine reaches it, and auth_url in clouds.yaml. Then run it again: "
            "it goes on where it stopped.",
        )
    return SkytierError(
        f"{what}: the cloud's API failed ({status}). It says: {said}",
        "Run it again: it goes on where it stopped. skytier --debug shows the whole error.",
    )


def _said(error: Exception) -> str:
    text = str(error)
    if isinstance(error, HttpException):
        text = str(error.details or error.message or error)
        if error.request_id:
            text += f" [{error.request_id}]"
    return text.strip()
