"""The application's own commands: `migrate`, `demo-data`, `admin`."""

from skytier.errors import SkytierError


def failed(command: str, stderr: str) -> SkytierError:
    """The error of a command that failed, with the end of its error output."""
    said = "\n".join(stderr.strip().splitlines()[-12:])
    return SkytierError(
        f"The application's {command} failed:\n{said}", "Mend what it says, and run it again."
    )
