"""Alertmanager's configuration, wherever it runs."""

from dataclasses import asdict, dataclass
from pathlib import Path

from skytier.render import render

PACKAGE = "skytier.services.alertmanager"
SMTP_PASSWORD = "smtp_password"  # noqa: S105  # the secret's name, and where it stands in the text
PASSWORD_MARK = "@smtp_password@"  # noqa: S105
"""Stands for the password in the text, between single quotes of YAML: it is put in on the spot."""


@dataclass(frozen=True)
class Smtp:
    """The server that takes e-mail."""

    server: str
    """`smtp.example.org:587`; by TLS (STARTTLS) always."""
    sender: str
    """The address that messages come from."""
    username: str = ""
    """Empty where the server asks for none; else there is a password too."""


@dataclass(frozen=True)
class Receivers:
    """Who is told of alerts. Without any they are only to be seen."""

    webhook: str = ""
    """A URL that gets Alertmanager's JSON by POST."""
    email: str = ""
    """An address, or several with commas between; it needs `smtp`."""
    smtp: Smtp | None = None


def alertmanager_yml(receivers: Receivers) -> str:
    """The text of alertmanager.yml; where `PASSWORD_MARK` stands belongs the password."""
    return render(PACKAGE, "alertmanager.yml", **asdict(receivers), mark=PASSWORD_MARK)


def arguments(config: Path, storage: Path, listen: str) -> list[str]:
    """The command line of `prometheus-alertmanager`, without the program."""
    return [
        f"--config.file={config}",
        f"--storage.path={storage}",
        f"--web.listen-address={listen}",
        # There is one; without this it looks for others at a port of its own.
        "--cluster.listen-address=",
    ]
