"""Why TLS to a server failed: the certificate, or what is spoken there."""

import ssl
from collections.abc import Iterator

from skytier.errors import SkytierError

_EXPIRED, _NOT_YET = 10, 9
_OTHER_NAME = frozenset({62, 64})
"""Of X509_V_ERR_..., as OpenSSL numbers them: HOSTNAME_MISMATCH and IP_ADDRESS_MISMATCH."""
_NO_TLS = ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE", "UNKNOWN_PROTOCOL")


def explained(url: str, error: BaseException) -> SkytierError:
    """An error of TLS as one that says what to do."""
    found = next((each for each in _causes(error) if isinstance(each, ssl.SSLError)), None)
    if isinstance(found, ssl.SSLCertVerificationError):
        return _certificate(url, found)
    if found and any(word in str(found).upper().replace(" ", "_") for word in _NO_TLS):
        return SkytierError(
            f"{url} does not speak https, but probably http.",
            "If that is meant, write http:// in auth_url in clouds.yaml; passwords are then sent "
            "where everybody on the way can read them.",
        )
    return SkytierError(
        f"There is no TLS to be had with {url}: {found or error}.",
        "Check auth_url in clouds.yaml, and whether a proxy is in between.",
    )


def _certificate(url: str, error: ssl.SSLCertVerificationError) -> SkytierError:
    why = error.verify_message
    if error.verify_code == _EXPIRED:
        return SkytierError(
            f"The certificate of {url} has expired.",
            "Check this machine's clock (timedatectl); if it is right, tell the cloud's operator.",
        )
    if error.verify_code == _NOT_YET:
        return SkytierError(
            f"The certificate of {url} is not valid yet.",
            "Check this machine's clock: timedatectl set-ntp true",
        )
    if error.verify_code in _OTHER_NAME:
        return SkytierError(
            f"The certificate of {url} is for another name: {why.rstrip('.')}.",
            "Write the name that the certificate has into auth_url in clouds.yaml. If the name is "
            "right, somebody may intercept the connection.",
        )
    return SkytierError(
        f"The certificate of {url} is from an authority that this machine does not know: {why}.",
        "Name the cloud's own CA in clouds.yaml: cacert: /path/to/ca.pem",
    )


def _causes(error: BaseException) -> Iterator[BaseException]:
    """An error and all that it came from: libraries keep that in several places."""
    seen: list[BaseException] = []
    waiting: list[object] = [error]
    while waiting:
        each = waiting.pop(0)
        if not isinstance(each, BaseException) or any(each is one for one in seen):
            continue
        seen.append(each)
        yield each
        waiting += [each.__cause__, each.__context__, getattr(each, "reason", None), *each.args]
