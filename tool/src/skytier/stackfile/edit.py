"""Changing a key of a stack file, and nothing else of its text."""

import tomlkit


def with_web_servers(text: str, count: int) -> str:
    """The text of a valid stack file with another `web.count`. Comments and order stay.

    >>> with_web_servers("name = 'shop'  # ours", 2)
    "name = 'shop'  # ours\\n[web]\\ncount = 2\\n"
    """
    document = tomlkit.parse(text)
    if "web" in document:
        document["web"]["count"] = count
    else:
        section = tomlkit.table()
        section["count"] = count
        document["web"] = section
    return document.as_string()
