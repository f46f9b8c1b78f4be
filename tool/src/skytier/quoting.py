"""How a text is written in each kind of generated file. Raises ValueError where it cannot be."""

import json


def nginx(value: object) -> str:
    """A parameter of nginx.conf.

    >>> print(nginx("/home/ada/my files"))
    "/home/ada/my files"
    """
    text = _printable(value)
    if "$" in text:
        raise ValueError(f"{text!r} has a dollar, which begins a variable in nginx.conf")
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def yaml(value: object) -> str:
    """A string of YAML, which has the strings of JSON.

    >>> print(yaml("it's 5: #1"))
    "it's 5: #1"
    """
    return json.dumps(_printable(value), ensure_ascii=False)


def postgresql(value: object) -> str:
    """A string of postgresql.conf, with its quotes.

    >>> print(postgresql("ada's"))
    'ada''s'
    """
    return "'" + _printable(value).replace("\\", "\\\\").replace("'", "''") + "'"


def _printable(value: object) -> str:
    text = str(value)
    if not text.isprintable():
        raise ValueError(f"{text!r} has characters that cannot be seen")
    return text
