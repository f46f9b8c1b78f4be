"""Which role the application logs in as, and with which password.

PostgreSQL keeps one password for each role. So that a password can be changed while the application
runs, two roles take turns: the other one gets a new password, all web servers change over to it,
and only then the former may not log in any more. Both work as the role that owns the database: the
second one is a member of it and becomes it at each login.
"""

import secrets
from dataclasses import dataclass, field

from skytier.services.postgresql.config import NAME, SECOND

RANDOM_BYTES = 32


@dataclass(frozen=True)
class Login:
    """A role and its password."""

    role: str
    password: str = field(repr=False)

    @property
    def other(self) -> str:
        """The role that is not in use."""
        return SECOND if self.role == NAME else NAME

    def next(self) -> "Login":
        """The other role with a new password."""
        return Login(self.other, secrets.token_urlsafe(RANDOM_BYTES))

    @property
    def text(self) -> str:
        """As it is kept: the password, after the name of the second role."""
        return self.password if self.role == NAME else f"{self.role}:{self.password}"

    @classmethod
    def read(cls, text: str) -> "Login":
        """From its text.

        >>> Login.read("skytier_2:a:b").role, Login.read("a:b").password
        ('skytier_2', 'a:b')
        """
        text = text.strip()
        if text.startswith(f"{SECOND}:"):
            return cls(SECOND, text.removeprefix(f"{SECOND}:"))
        return cls(NAME, text)
