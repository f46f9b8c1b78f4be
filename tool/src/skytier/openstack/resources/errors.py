"""What the cloud's errors mean to an operator."""

from keystoneauth1.exceptions import ClientException
from openstack.exceptions import HttpException, SDKException

from skytier.errors import SkytierError
from skytier.openstack.resources.causes import AGAIN, cause_of

API_ERRORS = (SDKException, ClientException)


def explained(what: str, error: Exception) -> SkytierError:
    """An error of the API as one that says what to do. `what` is what was being done, to what."""
    said = _said(error)
    status = getattr(error, "status_code", None) or getattr(error, "http_status", None)
    if status is not None and (cause := cause_of(status, said)):
        return SkytierError(f"{what}: {cause.means}. It says: {said}", cause.do)
    if status is None:
        return SkytierError(
            f"{what}: the cloud's API gave no answer. {said}",
            "Check that this machine reaches it, and auth_url in clouds.yaml. Then run it again: "
            "it continues where it stopped.",
        )
    return SkytierError(
        f"{what}: the cloud's API failed ({status}). It says: {said}",
        f"{AGAIN} skytier --debug shows the whole error.",
    )


def _said(error: Exception) -> str:
    text = str(error)
    if isinstance(error, HttpException):
        text = str(error.details or error.message or error)
        if error.request_id:
            text += f" [{error.request_id}]"
    return text.strip()
