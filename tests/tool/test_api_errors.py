"""What the cloud's errors mean to an operator."""

import pytest
from keystoneauth1.exceptions import ConnectFailure, Unauthorized
from openstack.exceptions import ConflictException, ForbiddenException, HttpException

from skytier.resources.errors import explained


def http(kind: type[HttpException], status: int, details: str) -> HttpException:
    error = kind("Client Error", details=details)
    error.status_code = status
    return error


TABLE = {
    "Neutron's quota": (
        http(ConflictException, 409, "Quota exceeded for resources: ['port']."),
        "quota is used up",
        "skytier doctor",
    ),
    "Nova's quota": (
        http(ForbiddenException, 403, "Quota exceeded for cores: Requested 2, but already used 20"),
        "quota is used up",
        "skytier doctor",
    ),
    "a wrong password": (Unauthorized("no"), "does not accept the credentials", "clouds.yaml"),
    "a role that is missing": (
        http(ForbiddenException, 403, "Policy doesn't allow it"),
        "does not allow it",
        "role member",
    ),
    "a cloud that is away": (ConnectFailure("refused"), "gave no answer", "auth_url"),
    "anything else": (http(HttpException, 500, "oops"), "failed (500)", "goes on where it stopped"),
}


@pytest.mark.parametrize("case", TABLE)
def test_an_error_of_the_api_says_what_happened_and_what_to_do(case: str) -> None:
    error, what, do = TABLE[case]
    said = explained("The port shop-web-1 could not be created", error)
    assert said.what.startswith("The port shop-web-1 could not be created: ")
    assert what in said.what
    assert said.do is not None
    assert do in said.do
