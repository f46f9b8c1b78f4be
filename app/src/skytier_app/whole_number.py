"""Whole numbers in addresses have one form each, so that each resource has one address."""

import re
from typing import Annotated

from fastapi import Path
from pydantic import BeforeValidator, Field

MAX_ID = 2**63 - 1
_is_plain = re.compile(r"-?(0|[1-9][0-9]*)", re.ASCII).fullmatch


def _plain(value: object) -> object:
    # Pydantic also takes "2.0", "+2", "0002", "1_0" and " 2".
    if isinstance(value, str) and not _is_plain(value):
        raise ValueError("This takes a whole number: only digits, and no zeros before it.")
    return value


PLAIN = BeforeValidator(_plain)
"""Makes an integer's annotation take a text only in its shortest decimal form. It comes after the
bounds: OpenAPI knows those of an integer only."""

Id = Annotated[int, Field(ge=1, le=MAX_ID), PLAIN]
"""The id of a row."""

PathId = Annotated[Id, Path()]
"""The same, as a part of a path."""
