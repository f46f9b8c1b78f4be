"""What `skytier up` was told, remembered from one run to the next."""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from skytier import files
from skytier.local.home import Home

EMBEDDED, SYSTEM, ELSEWHERE = "embedded", "system", "elsewhere"
MOST_WORKERS = 16
NONE = "none"


@dataclass(frozen=True)
class Options:
    """What is wanted, with every default. URLs with secrets are not here but in `home.secrets`."""

    port: int = 8000
    bind: str = "127.0.0.1"
    postgres: str = EMBEDDED
    workers: int = min(os.cpu_count() or 1, 4)
    """Processes of the application: one for each core, at most 4, when nothing is said."""

    monitor: bool = True
    """Whether the stack is watched."""
    alerts_to: str = ""
    """A URL that Alertmanager posts alerts to."""

    @property
    def url(self) -> str:
        """The entry point, as seen from this machine."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.bind, self.bind)  # noqa: S104
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}"

    def changed(self, **given: Any) -> "Options":
        """These options with those that were given (not None) in their place."""
        return replace(self, **{name: value for name, value in given.items() if value is not None})


@dataclass(frozen=True)
class Given:
    """What one `skytier up` changes of the options."""

    options: Mapping[str, str | int | bool] = field(default_factory=dict)
    database_url: str | None = None
    """A database elsewhere."""
    redis_url: str | None = None
    """Empty when there is to be none any more."""

    @classmethod
    def by_command(cls, said: Mapping[str, Any]) -> "Given":
        """As the options of the command say it; None for one that is not given."""
        options = {name: value for name, value in said.items() if value is not None}
        redis_url = options.pop("redis", None)
        database_url = None
        if "://" in options.get("postgres", ""):
            database_url, options["postgres"] = options["postgres"], ELSEWHERE
        if options.get("alerts_to") == NONE:
            options["alerts_to"] = ""
        return cls(options, database_url, "" if redis_url == NONE else redis_url)


def load(home: Home) -> Options:
    """The remembered options, and the defaults for what was never said."""
    path = home.etc / "options.json"
    return Options(**json.loads(path.read_text())) if path.exists() else Options()


def save(home: Home, options: Options) -> None:
    """Remember what differs from the defaults."""
    said = {
        name: value for name, value in asdict(options).items() if value != getattr(Options, name)
    }
    files.write(home.etc / "options.json", json.dumps(said, indent=2) + "\n", 0o600)
