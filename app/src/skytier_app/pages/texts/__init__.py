"""Every text of the pages, in one catalogue for each language."""

import tomllib
from functools import cache
from pathlib import Path

LANGUAGE = "en"


@cache
def catalogue(language: str = LANGUAGE) -> dict[str, str]:
    """The texts of a language: `section.name` to a text, with {places} to fill in."""
    path = Path(__file__).parent / f"{language}.toml"
    sections = tomllib.loads(path.read_text(encoding="utf-8"))
    return {f"{s}.{name}": text for s, texts in sections.items() for name, text in texts.items()}


def text(key: str, **places: object) -> str:
    """The text of a key, with its places filled in. KeyError for one that is not there."""
    return catalogue()[key].format(**places)


def section(*names: str) -> dict[str, str]:
    """The texts of whole sections, for the scripts."""
    return {k: v for k, v in catalogue().items() if k.partition(".")[0] in names}
