"""The page of the application's settings names each of them with its default."""

import re
from pathlib import Path

from pydantic_core import PydanticUndefined

from skytier_app.settings import Settings

PAGE = Path(__file__).parents[2] / "docs/reference/sample-settings.md"


def test_the_page_has_every_setting_and_no_other() -> None:
    rows = [line.split("|")[1] for line in PAGE.read_text().splitlines() if line.startswith("| `")]
    named = {name.lower() for row in rows for name in re.findall("`([A-Z_]+)`", row)}

    assert named == set(Settings.model_fields)


def test_the_page_has_the_numbers_that_are_the_defaults() -> None:
    for line in PAGE.read_text().splitlines():
        names, default = [*line.split("|"), "", "", ""][1:3]
        found = re.findall("`([A-Z_]+)`", names)
        if len(found) == 1 and default.strip().isdecimal():
            value = Settings.model_fields[found[0].lower()].default
            assert value is not PydanticUndefined
            assert float(default) == value, found
