"""What an answer of the API means: one status has several causes, and its message tells which."""

import re
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Cause:
    """A cause, how to know it, and what to do about it."""

    means: str
    """Goes on after what failed: `the project's quota is used up`."""
    do: str
    message: str
    """A pattern for what the cloud says, whatever its case."""
    statuses: frozenset[int] = field(default_factory=frozenset)
    """Empty for any, since clouds change them."""

    def explains(self, status: int | None, said: str) -> bool:
        """Whether it is this one."""
        return (not self.statuses or status in self.statuses) and bool(
            re.search(self.message, said, re.IGNORECASE)
        )


AGAIN = "Run it again: it continues where it stopped."
_QUOTA = (
    "See what is short: skytier doctor. Ask the cloud's operator for more, or free some. "
    "Then run skytier up again: it continues where it stopped."
)

CAUSES = (
    # A flavor that does not go with the image.
    Cause(
        "the flavor has no disk of its own, and this cloud starts no server from an image without",
        "Name a flavor with a disk in the stack file (flavor), or have the machines boot from "
        "volumes (root_gib).",
        r"volume-backed|zero disk|create:image_backed|need to create a bootable volume",
    ),
    Cause(
        "the flavor's disk is too small for the image",
        "Name a larger flavor in the stack file, or a smaller image: flavor, image.",
        r"disk is (too small|smaller than)|flavordisktoosmall|minimum disk",
    ),
    Cause(
        "the flavor has too little memory for the image",
        "Name a larger flavor in the stack file: flavor.",
        r"memory is too small|flavormemorytoosmall",
    ),
    Cause(
        "the image is no longer available",
        "Run it again, so that another one is chosen, or name one in the stack file: image.",
        r"can ?not find requested image|image .* (is not active|could not be found)",
    ),
    Cause(
        "on this cloud a server and its volumes have to be in the same zone",
        "Name the zone of the server for its volumes in the stack file: volume_zone.",
        r"not in the same availability.zone|zone between the server and its attached volumes",
    ),
    Cause(
        "the cloud has no such zone, or nothing runs in it",
        "Name another in the stack file, or none: availability_zone, or volume_zone for a volume.",
        r"availability zone .*(not available|not found|invalid)|requested availability zone",
    ),
    Cause(
        "what the machine is told at its first boot is too long",
        "Name fewer packages in the stack file: packages.",
        r"user data (is )?too (large|long)",
    ),
    # Too little of something.
    Cause(
        "the project's quota is used up",
        _QUOTA,
        r"quota|(maximum|too many) .*(exceeded|allowed)|limit ?exceeded",
        frozenset({400, 403, 409, 413}),
    ),
    Cause(
        "the network has no address left",
        "Name another in the stack file (external_network), or an address of your own "
        "(floating_ip), or ask the cloud's operator for more.",
        r"no more ip addresses|ip ?address(es)? .*exhausted|ipaddressgenerationfailure",
    ),
    Cause(
        "no host of the cloud has enough room",
        "Try again later, or name a smaller flavor or another zone in the stack file: flavor, "
        "availability_zone.",
        r"no valid (host|backend)|insufficient (resources|capacity)",
    ),
    Cause(
        "the cloud takes no more requests for now",
        f"Wait a minute. {AGAIN}",
        r"rate.?limit|too many requests|over ?limit",
        frozenset({413, 429}),
    ),
    # Networks that do not fit together.
    Cause(
        "the private network overlaps with another one",
        "Name another in the stack file: cidr.",
        r"cidr.*overlap|overlap.*(subnet|cidr)",
    ),
    Cause(
        "the router has no way to the network that floating IPs come from",
        "Name the external network that the router leads to in the stack file: external_network.",
        r"external network .*not reachable|externalgatewayforfloatingipnotfound",
    ),
    Cause(
        "the policy of the cloud keeps this network, or its addresses, for others",
        "Name another network in the stack file (external_network), or an address of your own "
        "(floating_ip), or ask the cloud's operator.",
        r"rule:create_floatingip|rule:create_router:external|create_floatingip is disallowed",
        frozenset({403}),
    ),
    # Something else is at work.
    Cause(
        "another operation on it is still running",
        f"Wait until it is done, or see what it is: openstack server show. {AGAIN}",
        r"cannot '.*' .*while .* (is )?in (vm|task)_state|is currently being|"
        r"already in progress|is locked",
        frozenset({409}),
    ),
    # Whoever asks.
    Cause(
        "the account is locked for a while, after too many wrong passwords",
        "Wait, and look at the password in clouds.yaml before the next try.",
        r"account is locked",
        frozenset({401, 403}),
    ),
    Cause(
        "the password has expired",
        "Set a new one in the cloud's dashboard, and write it into clouds.yaml.",
        r"password (is|has) expired|password .*needs to be changed",
        frozenset({401, 403}),
    ),
    Cause(
        "the user, the project or the domain is disabled",
        "Ask the cloud's operator.",
        r"(account|user|project|domain|tenant).* (is|was) (disabled|suspended)|"
        r"(disabled|suspended) (account|user|project|tenant)|unpaid|payment required",
        frozenset({401, 402, 403}),
    ),
    Cause(
        "the application credential has expired, or may not do this",
        "Make a new one in the cloud's dashboard, with the role member and without access rules, "
        "and write it into clouds.yaml.",
        r"application.credential",
        frozenset({401, 403}),
    ),
    Cause(
        "the cloud does not accept the credentials",
        "Look at the cloud's entry in clouds.yaml.",
        r"",
        frozenset({401}),
    ),
    Cause(
        "the cloud does not allow it",
        "The user needs the role member in this project.",
        r"policy|not authorized|not permitted|insufficient (rights|privileges)|disallowed",
        frozenset({403}),
    ),
    Cause(
        "the cloud does not allow it",
        "It says why above. Where it is about a right, the user needs the role member in this "
        "project; else ask the cloud's operator.",
        r"",
        frozenset({403}),
    ),
    Cause(
        "what is sent is more than this address of the cloud takes",
        "Name fewer packages in the stack file, or ask the cloud's operator.",
        r"",
        frozenset({413}),
    ),
)
"""The first that explains an answer counts."""


def cause_of(status: int | None, said: str) -> Cause | None:
    """What an answer with this status and message means; None where nobody knows."""
    return next((cause for cause in CAUSES if cause.explains(status, said)), None)
