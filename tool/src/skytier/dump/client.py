"""Running PostgreSQL's programs where the database of a stack is reached."""

import subprocess
import tempfile
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import BinaryIO, cast

CHUNK = 1 << 16


@dataclass(frozen=True)
class Ended:
    """How a script ended."""

    code: int
    said: str
    """What it wrote to the standard error."""
    out: str = ""
    """What it printed, where nobody else took that."""
    all_sent: bool = True
    """Whether it was sent all of its standard input."""


@dataclass(frozen=True)
class Client:
    """Runs bash scripts beside PostgreSQL's programs, as the application's user.

    `$DATABASE` is what --dbname wants; the rest is in libpq's variables (PGPASSWORD, ...).
    """

    words: Callable[[str], list[str]]
    """The command that runs a script."""
    environment: Mapping[str, str] | None = None
    """The whole environment of that command. Default: that of this process."""

    def run(
        self,
        script: str,
        send: Iterable[bytes] = (),
        take: Callable[[bytes], object] | None = None,
    ) -> Ended:
        """Run a script with `send` as its standard input; `take` gets what it prints."""
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as said:
            command = subprocess.Popen(
                self.words(script),
                env=self.environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE if take else out,
                stderr=said,
            )
            with command:
                try:
                    all_sent = _feed(command, send)
                    while take and (chunk := cast("BinaryIO", command.stdout).read(CHUNK)):
                        take(chunk)
                except BaseException:
                    # It ends with its input, too, which may be a while later.
                    command.kill()
                    raise
            out.seek(0)
            said.seek(0)
            return Ended(command.returncode, _text(said.read()), _text(out.read()), all_sent)


def _feed(command: subprocess.Popen[bytes], chunks: Iterable[bytes]) -> bool:
    pipe = cast("BinaryIO", command.stdin)
    try:
        for chunk in chunks:
            pipe.write(chunk)
        pipe.close()
    except BrokenPipeError:
        # It has ended, and says why. What is still buffered has nowhere to go.
        with suppress(BrokenPipeError):
            pipe.close()
        return False
    return True


def _text(output: bytes) -> str:
    return output.decode(errors="replace").strip()
