"""The secrets that operators give their own application, as environment variables.

All of a stack are one text, which is kept whole: on the machine that keeps the stack's secrets, in
the home of a stack on this machine, and before the first `up` on a cloud with the operator.
"""

import base64
import hashlib
import hmac
import json
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Protocol

from skytier.errors import SkytierError
from skytier.stackfile.application import GIVEN

FILE = "application_variables"
"""The name of the file with the text, beside the stack's own secrets."""
LARGEST = 100_000
"""The bytes of one value. The kernel takes 131,071 for a variable with its name."""
LARGEST_SET = 500_000
"""The bytes of all values. systemd hands over 1 MiB, and base64 takes a third more."""
MOST, LONGEST_NAME = 100, 100
_SET_BY_LAUNCHER = ("PATH", "PYTHONPATH", "CREDENTIALS_DIRECTORY")
_RANDOM_BYTES = 48


@dataclass(frozen=True)
class Variable:
    """A value, and where it is from."""

    value: bytes = field(repr=False)
    set_at: str
    """UTC: `2026-11-28T20:14:05Z`"""
    generated: bool = False
    """Whether it was made here, so that `rotate` may make another."""


@dataclass(frozen=True)
class Summary:
    """What is known of a set without its values."""

    fingerprint: str = ""
    """Another one for another set; empty for none. It is keyed, so that nobody can guess values
    with it."""
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Variables:
    """A set of secret variables. `key` makes its fingerprints; it stays as long as the set."""

    key: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)
    all: Mapping[str, Variable] = field(default_factory=dict)

    @property
    def summary(self) -> Summary:
        """Its fingerprint and names."""
        return Summary(
            self._digest(self.for_release()) if self.all else "", tuple(sorted(self.all))
        )

    def hash(self, name: str) -> str:
        """12 hexadecimal digits: others for another value."""
        return self._digest(base64.b64encode(self.all[name].value).decode())[:12]

    def with_value(self, name: str, value: bytes, *, generated: bool = False) -> "Variables":
        """The set with a value; the same one when it has it already.

        Raises SkytierError for a name or a value that no application can get.
        """
        _check_name(name)
        if b"\0" in value:
            raise SkytierError(
                f"The value of {name} has a NUL byte, which no environment variable can hold.",
                "Encode it, for example by base64, and decode it in the application.",
            )
        if len(value) > LARGEST:
            raise SkytierError(
                f"The value of {name} has {len(value):,} bytes, and {LARGEST:,} are possible.",
                "Keep it in the database or in an object store, and set only the key to it.",
            )
        before = self.all.get(name)
        if before and before.value == value and before.generated == generated:
            return self
        made = Variable(value, f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}", generated)
        new = replace(self, all={**self.all, name: made})
        if (size := sum(len(each.value) for each in new.all.values())) > LARGEST_SET:
            raise SkytierError(
                f"All secrets together would have {size:,} bytes, and {LARGEST_SET:,} are "
                "possible.",
                "Remove one that is not used: skytier secret list, skytier secret unset NAME",
            )
        if len(new.all) > MOST:
            raise SkytierError(
                f"There are {MOST} secrets already, which is the most that is possible.",
                "Remove one that is not used: skytier secret list, skytier secret unset NAME",
            )
        return new

    def generated(self, name: str) -> "Variables":
        """The set with a random value. Raises SkytierError when there is one of that name."""
        if name in self.all:
            raise SkytierError(
                f"The secret {name} is set already.",
                f"To replace it by a new one: skytier secret rotate {name}"
                if self.all[name].generated
                else f"You set it, and it stays. skytier secret unset {name} forgets its value.",
            )
        return self._with_random(name)

    def rotated(self, name: str) -> "Variables":
        """The set with another random value. Raises SkytierError for one that was given."""
        self._check_there(name)
        if not self.all[name].generated:
            raise SkytierError(
                f"The secret {name} was set by you, so only you can say another value.",
                f"Set it again: skytier secret set {name}",
            )
        return self._with_random(name)

    def without(self, name: str) -> "Variables":
        """The set without a value. Raises SkytierError when there is none."""
        self._check_there(name)
        return replace(self, all={key: each for key, each in self.all.items() if key != name})

    def for_release(self) -> str:
        """What a release has: `{"NAME": "BASE64"}` as JSON."""
        values = {
            name: base64.b64encode(self.all[name].value).decode() for name in sorted(self.all)
        }
        return json.dumps(values) + "\n"

    @property
    def text(self) -> str:
        """All of it, as JSON of ASCII characters."""
        values = {
            name: {
                "value": base64.b64encode(each.value).decode(),
                "set_at": each.set_at,
                "generated": each.generated,
            }
            for name, each in sorted(self.all.items())
        }
        key = base64.b64encode(self.key).decode()
        return json.dumps({"key": key, "variables": values}, indent=1) + "\n"

    @classmethod
    def read(cls, text: str | None) -> "Variables":
        """From its text; an empty set where there is none. Raises SkytierError."""
        if not text:
            return cls()
        try:
            content = json.loads(text)
            values = {
                str(name): Variable(
                    base64.b64decode(each["value"]), str(each["set_at"]), bool(each["generated"])
                )
                for name, each in content["variables"].items()
            }
            return cls(base64.b64decode(content["key"]), values)
        except (ValueError, KeyError, TypeError, AttributeError):
            raise SkytierError(
                f"The secrets of the application cannot be read: the file {FILE} is damaged.",
                "Move the file away, and set them again: skytier secret set NAME",
            ) from None

    def _with_random(self, name: str) -> "Variables":
        return self.with_value(name, secrets.token_urlsafe(_RANDOM_BYTES).encode(), generated=True)

    def _check_there(self, name: str) -> None:
        if name not in self.all:
            there = f"There are: {', '.join(sorted(self.all))}." if self.all else "There is none."
            raise SkytierError(f"There is no secret {name}.", there)

    def _digest(self, text: str) -> str:
        return hmac.new(self.key, text.encode(), hashlib.sha256).hexdigest()[:16]


Change = Callable[[Variables], Variables]


class Store(Protocol):
    """Where a stack keeps its set. Every method raises SkytierError when it cannot."""

    def read(self) -> Variables:
        """The set as it is."""

    def change(self, change: Change) -> bool:
        """Keep what `change` makes of the set. Returns whether it is another one."""

    @property
    def note(self) -> str:
        """What people should know of the place; mostly empty."""


def _check_name(name: str) -> None:
    if not re.fullmatch("[A-Za-z_][A-Za-z0-9_]*", name) or len(name) > LONGEST_NAME:
        raise SkytierError(
            f"{name!r} is not the name of an environment variable.",
            f"Use letters, digits and _, at most {LONGEST_NAME} of them: STRIPE_KEY",
        )
    if name in (*GIVEN, *_SET_BY_LAUNCHER) or name.startswith("SKYTIER_"):
        raise SkytierError(
            f"Skytier sets the variable {name} itself.", "Choose another name for the secret."
        )
