"""What is secret. A secret belongs to the service that declares it."""

import os
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from skytier.errors import SkytierError
from skytier.secrets import certificate


class Secret(Protocol):
    """One secret, or several that are made together."""

    @property
    def names(self) -> Sequence[str]:
        """What it is called; each name is a file on the machines that use it."""

    def fits(self, stored: Mapping[str, str]) -> bool:
        """Whether what is stored (name to text) can stay. It is asked only if all names are."""

    def make(self) -> Mapping[str, str]:
        """A new one: name to text. Raises SkytierError for one that nobody can make."""


@dataclass(frozen=True)
class _Single:
    """One text, which stays once it is stored."""

    name: str

    @property
    def names(self) -> Sequence[str]:
        """Its own name."""
        return (self.name,)

    def fits(self, stored: Mapping[str, str]) -> bool:
        """Whatever is stored stays."""
        return True


@dataclass(frozen=True)
class Password(_Single):
    """A random one."""

    def make(self) -> Mapping[str, str]:
        """32 random bytes, as text."""
        return {self.name: secrets.token_urlsafe(32)}


@dataclass(frozen=True)
class _Pair:
    """A private key and its certificate: `NAME_key` and `NAME_certificate`."""

    name: str

    @property
    def key(self) -> str:
        """The name of the private key."""
        return f"{self.name}_key"

    @property
    def certificate(self) -> str:
        """The name of the certificate."""
        return f"{self.name}_certificate"

    @property
    def names(self) -> Sequence[str]:
        """Those of both."""
        return (self.key, self.certificate)


@dataclass(frozen=True)
class SelfSigned(_Pair):
    """A certificate that its key signed itself."""

    hosts: Sequence[str]
    """Addresses and host names that the certificate is made out for."""
    renewed: bool = False
    """Whether another is made when `hosts` has one that the certificate does not name."""
    insists_on: Sequence[str] = ()
    """Those of `hosts` without which another is made in any case."""

    def fits(self, stored: Mapping[str, str]) -> bool:
        """Whether it names all hosts, where that is asked."""
        asked = self.hosts if self.renewed else self.insists_on
        return certificate.names(stored[self.certificate], asked) if asked else True

    def make(self) -> Mapping[str, str]:
        """Both, as PEM."""
        key, made = certificate.self_signed(self.hosts)
        return {self.key: key, self.certificate: made}


@dataclass(frozen=True)
class Authority(_Pair):
    """A key and a certificate that sign others.

    The machines that have the key make certificates of their own with it, so one more machine
    changes no secret.
    """

    def fits(self, stored: Mapping[str, str]) -> bool:
        """Whatever is stored stays."""
        return True

    def make(self) -> Mapping[str, str]:
        """Both, as PEM."""
        key, made = certificate.authority(self.name)
        return {self.key: key, self.certificate: made}


@dataclass(frozen=True)
class AccessKey(_Single):
    """A key that the cloud made: its public part, a colon and its secret part."""

    access_key_id: str
    """The public part of the one that is wanted."""

    def fits(self, stored: Mapping[str, str]) -> bool:
        """Whether it is the wanted one."""
        return stored[self.name].partition(":")[0] == self.access_key_id

    def make(self) -> Mapping[str, str]:
        """The cloud alone makes it."""
        raise SkytierError(
            f"The secret of the key {self.access_key_id} is not known.", "Run skytier up again."
        )


@dataclass(frozen=True)
class Given(_Single):
    """One that somebody else made. It is given once, in a variable of the environment."""

    variable: str
    what: str
    """Goes into a sentence: `The password of the account ops at the e-mail server`."""

    def make(self) -> Mapping[str, str]:
        """It cannot be made."""
        raise SkytierError(
            f"{self.what} is not known.",
            f"Run skytier up again with it in the variable {self.variable}, this once.",
        )


@dataclass(frozen=True)
class Passphrase(_Single):
    """A random one, unless it is given: what it opens may be older than the stack.

    One that is stored stays, also if another is given: it may be the only copy.
    """

    variable: str
    what: str
    """Goes into a sentence: `The key of the backups`."""

    def make(self) -> Mapping[str, str]:
        """The one of the variable, else 32 random bytes, as text."""
        return {self.name: os.environ.get(self.variable) or secrets.token_urlsafe(32)}
