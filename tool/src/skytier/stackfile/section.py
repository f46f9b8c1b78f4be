"""What the models of TOML files have in common: a key says its type, default and meaning once."""

from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError


class Section(BaseModel):
    """Unknown keys are refused, and nothing changes once it is read.

    The text below a key is its documentation.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


def key(default: Any, holds: str, example: Any = None, **limits: Any) -> Any:
    """A key with what it may hold, in words, and an example where the default is none."""
    more = {"holds": holds, "example": example}
    return Field(default, json_schema_extra=more, **limits)


def contradiction(name: str, wrong: str) -> PydanticCustomError:
    """Two keys that do not go together; the error is shown at the line of one of them."""
    return PydanticCustomError("contradiction", "{wrong}", {"key": name, "wrong": wrong})


class Branch(StrEnum):
    """The two kinds of value of a key that holds either a plain value or a section."""

    VALUE = "(value)"
    SECTION = "(section)"


def branch(found: Any) -> Branch:
    """Which of the two a value is, for pydantic's discriminator."""
    return Branch.SECTION if isinstance(found, dict | Section) else Branch.VALUE
