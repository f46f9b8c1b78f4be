"""Where the operator's machine gets packages from: the settings of uv, else those of pip."""

import ast
import functools
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

_OWN = (
    "UV_CONFIG_FILE",
    "UV_DEFAULT_INDEX",
    "UV_EXTRA_INDEX_URL",
    "UV_FIND_LINKS",
    "UV_INDEX",
    "UV_INDEX_URL",
)
_PIP_DEPENDS_ON = ("HOME", "XDG_CONFIG_HOME", "XDG_CONFIG_DIRS", "VIRTUAL_ENV")
# One variable of uv for one setting of pip: the name, and what stands between two values.
_SAME = {
    "index-url": ("UV_DEFAULT_INDEX", " "),
    "extra-index-url": ("UV_INDEX", " "),
    "find-links": ("UV_FIND_LINKS", ","),
}
_CONNECTION = {
    "cert": "SSL_CERT_FILE",
    "client-cert": "SSL_CLIENT_CERT",
    "proxy": "ALL_PROXY",
    "timeout": "UV_HTTP_TIMEOUT",
    "trusted-host": "UV_INSECURE_HOST",
}


@dataclass(frozen=True)
class Indexes:
    """The operator's package indexes, as uv takes them."""

    variables: Mapping[str, str] = field(default_factory=dict)
    """Never on a command line: an address may hold a password."""
    options: tuple[str, ...] = ()


def indexes() -> Indexes:
    """As uv is set up, by variables or its own file; else as pip is, by variables or pip.conf.

    pip takes the best version of all its indexes: then uv does the same.
    """
    environment = os.environ
    named = {name: v for name, v in environment.items() if name.startswith("PIP_")}
    named |= {name: environment[name] for name in _PIP_DEPENDS_ON if name in environment}
    settings = _pip_settings(tuple(sorted(named.items())))
    variables = {
        name: settings[key]
        for key, name in _CONNECTION.items()
        if settings.get(key) and name not in environment
    }
    if any(environment.get(name) for name in _OWN) or _has_own_file():
        return Indexes(variables)
    for key, (name, between) in _SAME.items():
        if values := settings.get(key, "").split():
            variables[name] = between.join(values)
    variables.setdefault("UV_INDEX_STRATEGY", "unsafe-best-match")
    without = settings.get("no-index", "").lower() in ("1", "true", "yes", "on")
    return Indexes(variables, ("--no-index",) if without else ())


def _has_own_file() -> bool:
    home = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    return any(Path(each, "uv", "uv.toml").exists() for each in (home, "/etc"))


@functools.lru_cache
def _pip_settings(_environment: tuple[tuple[str, str], ...]) -> Mapping[str, str]:
    """What holds for `pip install`. Its files and variables are pip's own business to find."""
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "config", "list"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    found: dict[str, dict[str, str]] = {"global": {}, "install": {}, ":env:": {}}
    for line in done.stdout.splitlines():
        name, _, value = line.partition("=")
        section, _, key = name.rpartition(".")
        if section in found:
            found[section][key] = str(ast.literal_eval(value))
    return {**found["global"], **found["install"], **found[":env:"]}
