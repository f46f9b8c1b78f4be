"""What the cloud's errors mean to an operator."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from keystoneauth1.exceptions import ConnectFailure, Unauthorized
from openstack.exceptions import ConflictException, ForbiddenException, HttpException

from skytier.openstack.resources.errors import explained


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
    "a cloud that is away": (ConnectFailure("refused"), "gave no answer", "auth_url"),
    "anything else": (
        http(HttpException, 500, "oops"),
        "failed (500)",
        "continues where it stopped",
    ),
    "a 404 that nobody knows": (http(HttpException, 404, "gone"), "failed (404)", "--debug"),
}

# Status, what the cloud says, what it means, what to do: as the services' own sources have it.
MESSAGES = {
    # Nova
    (403, "Only volume-backed servers are allowed for flavors with zero disk."): (
        "the flavor has no disk", "Name a flavor with a disk"),
    (403, "Policy doesn't allow compute_flavor:create:image_backed to be performed."): (
        "the flavor has no disk", "Name a flavor with a disk"),
    (403, "Flavor's local disks conflict. You need to create a bootable volume to use this flavor "
          "for your instance."): ("the flavor has no disk", "Name a flavor with a disk"),
    (400, "Flavor's disk is too small for requested image. Flavor disk is 1073741824 bytes, image "
          "is 2361393152 bytes."): ("disk is too small", "a larger flavor"),
    (400, "Flavor's memory is too small for requested image."): ("too little memory", "larger"),
    (400, "Can not find requested image"): ("the image is no longer available", "image"),
    (400, "Image 0d1 is not active."): ("the image is no longer available", "image"),
    (400, "The requested availability zone is not available"): (
        "no such zone", "availability_zone"),
    (400, "Invalid volume: Instance 0d1 and volume 7a2 are not in the same availability_zone. "
          "Instance is in a. Volume is in nova"): ("in the same zone", "volume_zone"),
    (400, "User data too large. User data must be no larger than 65535 bytes once base64 encoded."
          ): ("first boot is too long", "packages"),
    (403, "Quota exceeded for cores, ram: Requested 2, 4096, but already used 20, 51200"): (
        "quota is used up", "skytier doctor"),
    (403, "Quota exceeded, too many key pairs."): ("quota is used up", "skytier doctor"),
    (403, "Maximum number of ports exceeded"): ("quota is used up", "skytier doctor"),
    (413, "Quota exceeded for instances: Requested 1, but already used 10 of 10 instances"): (
        "quota is used up", "skytier doctor"),
    (403, "Policy doesn't allow os_compute_api:servers:create to be performed."): (
        "does not allow it", "the role member"),
    (409, "Cannot 'resize' instance 0d1 while it is in vm_state building"): (
        "another operation on it", "continues where it stopped"),
    (409, "Cannot 'confirmResize' while instance is in vm_state active"): (
        "another operation on it", "continues where it stopped"),
    (409, "Instance 0d1 is locked"): ("another operation on it", "server show"),
    (413, "This request was rate-limited."): ("takes no more requests", "Wait a minute"),
    (413, "Request Entity Too Large"): ("more than this address", "packages"),
    (500, "No valid host was found. There are not enough hosts available."): (
        "no host of the cloud has enough room", "smaller flavor"),
    # Neutron
    (409, "Quota exceeded for resources: ['floatingip']."): ("quota is used up", "skytier doctor"),
    (409, "No more IP addresses available on network 7f0."): (
        "no address left", "external_network"),
    (400, "Invalid input for operation: Requested subnet with cidr: 192.168.128.0/24 for network: "
          "7f0 overlaps with another subnet."): ("overlaps with another one", "cidr"),
    (404, "External network 7f0 is not reachable from subnet 9a1. Therefore, cannot associate Port "
          "3c2 with a Floating IP."): ("router has no way", "external_network"),
    (403, "(rule:create_floatingip and rule:create_floatingip:floating_ip_address) is disallowed "
          "by policy"): ("keeps this network", "floating_ip"),
    (403, "((rule:create_port and rule:create_port:binding:vnic_type) and "
          "rule:create_port:port_security_enabled) is disallowed by policy"): (
        "does not allow it", "the role member"),
    # Cinder
    (400, "Availability zone 'typo' is invalid."): ("no such zone", "volume_zone"),
    (413, "VolumeLimitExceeded: Maximum number of volumes allowed (10) exceeded for quota "
          "'volumes'."): ("quota is used up", "skytier doctor"),
    (413, "Requested volume or snapshot exceeds allowed gigabytes quota. Requested 20G, quota is "
          "1000G and 990G has been consumed."): ("quota is used up", "skytier doctor"),
    # Keystone
    (401, "The request you have made requires authentication."): (
        "does not accept the credentials", "clouds.yaml"),
    (401, "The account is locked for user: 5b3"): ("is locked for a while", "Wait"),
    (401, "The password is expired and needs to be changed for user: 5b3."): (
        "the password has expired", "dashboard"),
    (401, "The account is disabled for user: 5b3"): ("is disabled", "operator"),
    (403, "You are not authorized to perform the requested action: identity:list_users."): (
        "does not allow it", "the role member"),
    (401, "Application credential has expired."): ("application credential", "Make a new one"),
    # Whoever stands before them
    (403, "<html><h1>Access denied by the firewall</h1></html>"): (
        "does not allow it", "It says why above"),
    (402, "Payment Required"): ("is disabled", "operator"),
    (429, "Too Many Requests"): ("takes no more requests", "Wait a minute"),
}  # fmt: skip


@pytest.mark.parametrize(("status", "details"), MESSAGES)
def test_a_status_means_what_its_message_says(status: int, details: str) -> None:
    means, do = MESSAGES[status, details]

    said = explained("It failed", http(HttpException, status, details))

    assert means in said.what
    assert details in said.what
    assert do in str(said.do)


WORDS = st.text() | st.lists(st.sampled_from(
    ["quota", "policy", "disk", "image", "exceeded", "not", "is", "too small", "address"]
)).map(" ".join)  # fmt: skip


@given(st.integers(400, 599), WORDS)
def test_whatever_a_cloud_answers_has_a_sentence_and_a_next_step(status: int, details: str) -> None:
    said = explained("It failed", http(HttpException, status, details))

    assert said.what.startswith("It failed: ")
    assert said.do
    if "The user needs the role" in said.do:
        assert status == 403
        assert re.search("policy|authorized|permitted|rights|privileges|disallowed", details, re.I)
    if "quota is used up" in said.what:
        assert re.search("quota|maximum|too many|limit", details, re.I)


@pytest.mark.parametrize("case", TABLE)
def test_an_error_of_the_api_says_what_happened_and_what_to_do(case: str) -> None:
    error, what, do = TABLE[case]
    said = explained("The port shop-web-1 could not be created", error)
    assert said.what.startswith("The port shop-web-1 could not be created: ")
    assert what in said.what
    assert said.do is not None
    assert do in said.do
