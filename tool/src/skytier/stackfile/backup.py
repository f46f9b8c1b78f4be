"""The keys of the section [backup]: where backups of the database go, and how many are kept."""

import re
from collections.abc import Mapping
from ipaddress import ip_address
from posixpath import normpath
from typing import Annotated, ClassVar, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, model_validator

from skytier.errors import SkytierError
from skytier.stackfile import values
from skytier.stackfile.known_hosts import SSH
from skytier.stackfile.section import Section, contradiction, key
from skytier.stackfile.storage import GIVEN, KEYSTONE, REGION, bucket_name

OBJECT_STORE, S3, SFTP, PATH = "object-store", "s3", "sftp", "path"
FIRST, SECOND = "first", "second"
"""The places of the backups, by their names."""
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def _time(value: str) -> str:
    hours, colon, minutes = value.partition(":")
    digits = f"{hours}{minutes}"
    right = colon and len(hours) == len(minutes) == 2 and digits.isascii() and digits.isdigit()
    if not right or int(hours) > 23 or int(minutes) > 59:
        raise ValueError("is not a time of the day")
    return value


def _path(value: str) -> str:
    plain = value.replace("-", "").replace("_", "").replace(".", "")
    if not value.startswith("/") or not plain.replace("/", "").isalnum() or "/.." in value:
        raise ValueError("is not the whole path of a directory, of letters, digits and -_./")
    return value.rstrip("/")


def _host(value: str) -> str:
    lower = value.lower()
    if not re.fullmatch("[a-z0-9]([a-z0-9.-]*[a-z0-9])?", lower):
        raise ValueError("is not the name of a host, or an IPv4 address")
    return lower


def _user(value: str) -> str:
    if not re.fullmatch("[A-Za-z0-9_][A-Za-z0-9._@-]*", value):
        raise ValueError("is not the name of an account")
    return value


Kind = Literal["none", "object-store", "s3", "sftp", "path"]
_KINDS = '"none", "object-store", "s3", "sftp" or "path"'


class PlaceSection(Section):
    """A place that backups go to."""

    section: ClassVar[str] = "backup"

    kind: Kind = key("none", _KINDS, OBJECT_STORE)
    """Where backups go: to a container in the cloud's own object store, to another S3, to a host by
    SSH, or to a directory of the database server, which is lost with that server unless another
    disk is mounted there. With several members, each of them has to see the same directory."""
    bucket: Annotated[str, AfterValidator(bucket_name)] | None = key(
        None, "3 to 63 characters of a-z, 0-9 and hyphens", "shop-backups"
    )
    """The container for `kind = "object-store"`, which is made if it is not there; the bucket for
    "s3", which has to be there. It cannot be `storage.bucket`."""
    keys: Literal["keystone", "given"] = key(KEYSTONE, '"keystone" or "given"')
    """Where the key of the S3 API comes from: an EC2 credential that is made through Keystone, or
    given by you to `skytier up` in the variables SKYTIER_BACKUP_ACCESS_KEY_ID and
    SKYTIER_BACKUP_SECRET_ACCESS_KEY. With `kind = "s3"` it is always given."""
    endpoint: Annotated[str, AfterValidator(values.url)] | None = key(
        None, "an address such as https://s3.example.org", "https://s3.example.org"
    )
    """The address of the S3 API. It needs https and a host name. Default: that of the catalog."""
    region: Annotated[str, AfterValidator(values.text)] = key(REGION, "the name of a region")
    """The region that requests to the S3 API are signed for."""
    ca: Annotated[str, AfterValidator(values.text)] | None = key(
        None, "the path of a file with certificates in PEM", "objects-ca.pem"
    )
    """The certificate authority of the S3 API; the path is relative to this file. Default: those
    that the image trusts."""
    host: Annotated[str, AfterValidator(_host)] | None = key(
        None, "the name of a host, or an IPv4 address", "backup.example.org"
    )
    """The host for `kind = "sftp"`. It needs SSH with SFTP, and nothing else. The database server
    needs pgBackRest 2.48 or newer: Debian 13 and Ubuntu 24.04 have it."""
    port: int = key(SSH, "a number from 1 to 65535", ge=1, le=65535, strict=True)
    """The SSH port of that host."""
    user: Annotated[str, AfterValidator(_user)] | None = key(
        None, "the name of an account", "shop-backups"
    )
    """The account on that host. It logs in with the private key that you give to `skytier up` in
    the variable SKYTIER_BACKUP_SSH_KEY."""
    known_hosts: Annotated[str, AfterValidator(values.text)] | None = key(
        None, "the path of a file as ssh-keyscan writes it", "backup-host"
    )
    """The public keys of the host, by which it is known; the path is relative to this file. Without
    the right one nothing is sent to it."""
    path: Annotated[str, AfterValidator(_path)] | None = key(
        None, "a directory such as /mnt/backups", "/mnt/backups"
    )
    """The directory for `kind = "sftp"` on that host, and for "path" on the database server. With
    several members "path" is one of a shared file system (NFS), mounted there on each by you."""

    @property
    def enabled(self) -> bool:
        """Whether there are backups."""
        return self.kind != "none"

    @property
    def container(self) -> str | None:
        """The container in the cloud's own object store; None where there is none."""
        return self.bucket if self.kind == OBJECT_STORE else None

    @property
    def is_s3(self) -> bool:
        """Whether it is reached by an S3 API."""
        return self.kind in (OBJECT_STORE, S3)

    @property
    def on_host(self) -> bool:
        """Whether it is a directory of another host, by SFTP."""
        return self.kind == SFTP

    @property
    def where(self) -> tuple[str, ...]:
        """The same for two places of a kind that are one, however they are written."""
        if self.on_host:
            return (self.host or "", str(self.port), normpath(self.path or ""))
        if self.kind == PATH:
            return (normpath(self.path or ""),)
        address = (host_and_port(self.endpoint or ""),) if self.kind == S3 else ()
        return (self.bucket or "", *address)

    @property
    def makes_key(self) -> bool:
        """Whether Keystone makes the key of the S3 API."""
        return self.kind == OBJECT_STORE and self.keys == KEYSTONE

    @property
    def takes_key(self) -> bool:
        """Whether the operator gives the key of the S3 API."""
        return self.kind == S3 or (self.kind == OBJECT_STORE and self.keys == GIVEN)

    @model_validator(mode="after")
    def _has_what_it_needs(self) -> "PlaceSection":
        name = self.section
        if not self.enabled and (named := sorted(self.model_fields_set - {"kind", "second"})):
            raise contradiction(f"{name}.{named[0]}", f"needs {name}.kind")
        needed = {
            OBJECT_STORE: ["bucket"],
            S3: ["bucket", "endpoint"],
            SFTP: ["host", "user", "known_hosts", "path"],
            PATH: ["path"],
        }
        for each in needed.get(self.kind, []):
            if getattr(self, each) is None:
                raise contradiction(f"{name}.kind", f'is "{self.kind}", which needs {name}.{each}')
        if self.is_s3 and self.endpoint and (wrong := unfit(self.endpoint)):
            raise contradiction(f"{name}.endpoint", wrong)
        return self


class SecondSection(PlaceSection):
    """A second place for the same backups and changes, so that the loss of the first one is not the
    loss of all. It does not wait for the first one, nor the first one for it."""

    section: ClassVar[str] = "backup.second"

    kind: Kind = key("none", _KINDS, S3)
    """As `backup.kind`, for a second place. Best is a place that shares nothing with the first one:
    another provider, or another cloud. Default: there is none."""
    bucket: Annotated[str, AfterValidator(bucket_name)] | None = key(
        None, "3 to 63 characters of a-z, 0-9 and hyphens", "shop-elsewhere"
    )
    """As `backup.bucket`; another one."""
    keys: Literal["keystone", "given"] = key(KEYSTONE, '"keystone" or "given"')
    """As `backup.keys`, in the variables SKYTIER_BACKUP_SECOND_ACCESS_KEY_ID and
    SKYTIER_BACKUP_SECOND_SECRET_ACCESS_KEY."""
    user: Annotated[str, AfterValidator(_user)] | None = key(
        None, "the name of an account", "shop-backups"
    )
    """As `backup.user`, with the private key in the variable SKYTIER_BACKUP_SECOND_SSH_KEY."""
    path: Annotated[str, AfterValidator(_path)] | None = key(
        None, "a directory such as /mnt/elsewhere", "/mnt/elsewhere"
    )
    """As `backup.path`; another one."""


class BackupSection(PlaceSection):
    """Backups of the database by pgBackRest: full and differential ones, and all changes since, so
    that any moment can be restored. They are encrypted."""

    at: Annotated[str, AfterValidator(_time)] = key("03:00", "a time such as 03:00, in UTC")
    """When a backup is made each day, in UTC."""
    full_on: Literal["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"] = key(
        "Sun", '"Mon", "Tue", "Wed", "Thu", "Fri", "Sat" or "Sun"'
    )
    """The day of the full backup. Those of the other days have only what changed since."""
    keep_full: int = key(2, "a number from 1 to 100", ge=1, le=100, strict=True)
    """How many full backups are kept, with the differential ones and the changes since the oldest
    of them. Older ones are deleted."""
    queue_gib: int = key(1, "a number of GiB from 1 to 1000", ge=1, le=1000, strict=True)
    """How much of the changes waits on the database server's disk while the place of the backups
    cannot be reached. Beyond that they are dropped, so that the disk does not fill up: then moments
    until the next backup cannot be restored."""
    from_replica: bool = key(False, "true or false", strict=True)
    """With several members of the database: whether a replica reads the files for a backup, and
    compresses them, so that the primary's disk and processor have less to do. Where none follows
    the primary, the primary reads them itself."""
    second: SecondSection = SecondSection()

    @property
    def places(self) -> Mapping[str, PlaceSection]:
        """Where they go, by the name of each place: FIRST, and SECOND if it is asked for."""
        if not self.enabled:
            return {}
        return {FIRST: self, **({SECOND: self.second} if self.second.enabled else {})}

    def named(self, place: str | None) -> list[str]:
        """The names of all places, or the one that is asked for. Raises SkytierError for one that
        is not there."""
        # One without the section: the machine says what is missing.
        there = list(self.places) or [FIRST]
        if place is None:
            return there
        if place not in there:
            raise SkytierError(
                f"The stack file names no place {place!r} for backups.",
                f"These are there: {', '.join(there)}.",
            )
        return [place]

    @property
    def containers(self) -> list[str]:
        """The containers in the cloud's own object store."""
        return [each.container for each in self.places.values() if each.container]

    @model_validator(mode="after")
    def _has_two_places(self) -> "BackupSection":
        second = self.second
        if second.enabled and not self.enabled:
            raise contradiction("backup.second.kind", "needs backup.kind")
        if second.enabled and second.kind == self.kind:
            named = "bucket" if second.is_s3 else "path"
            if second.where == self.where:
                raise contradiction(f"backup.second.{named}", f"is backup.{named}")
        return self


def host_and_port(endpoint: str) -> str:
    """Which server an address leads to, however it is written.

    >>> host_and_port("https://S3.example.org/"), host_and_port("https://s3.example.org:443")
    ('s3.example.org:443', 's3.example.org:443')
    """
    parts = urlsplit(endpoint)
    return f"{parts.hostname or ''}:{parts.port or 443}"


def unfit(endpoint: str) -> str:
    """Why pgBackRest cannot use an address of an S3 API, as the end of a sentence; else empty.

    >>> unfit("https://s3.example.org"), unfit("http://s3.example.org")
    ('', 'has no TLS, and pgBackRest speaks to an S3 API by TLS only')
    """
    parts = urlsplit(endpoint)
    if parts.scheme != "https":
        return "has no TLS, and pgBackRest speaks to an S3 API by TLS only"
    try:
        ip_address(parts.hostname or "")
    except ValueError:
        return ""
    return "has an IP address, and pgBackRest needs a host name to check the certificate"
