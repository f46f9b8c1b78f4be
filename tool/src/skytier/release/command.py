"""The application's own commands: `migrate`, `demo-data`, `admin`."""

from skytier.errors import SkytierError

LINES = 12


def failed(command: str, stderr: str, stdout: str = "") -> SkytierError:
    """The error of a command that failed, with the ends of what it printed."""
    said = "\n".join(
        line for text in (stdout, stderr) for line in text.strip().splitlines()[-LINES:]
    )
    return SkytierError(
        f"The application's {command} failed:\n{said}", "Fix the cause, and run it again."
    )
