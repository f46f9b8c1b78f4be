"""A process of ours that runs in the background, and what is known of it."""

import json
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import psutil

from skytier import files
from skytier.deploy.kind import Tell
from skytier.errors import SkytierError
from skytier.health import Answer
from skytier.local import process
from skytier.local.account import Account
from skytier.local.home import Home
from skytier.poll import until

RunningConfig = Mapping[str, str]
"""What a process runs with: a name (`port`, `settings`) to a value or the fingerprint of one."""


@dataclass(frozen=True)
class State:
    """How a daemon was found."""

    pid: int | None = None
    """None when it does not run."""
    config: RunningConfig = field(default_factory=dict)
    """Empty when it does not run, or its start was interrupted."""
    leftovers: tuple[int, ...] = ()
    """Its processes that outlived the main one."""


@dataclass(frozen=True)
class Record:
    """What is written down when a daemon starts: who it is, and what it was started with."""

    pid: int
    identity: str
    program: str
    """The path of what it runs. A script may become another program after its start."""
    marks: RunningConfig
    """Named as in the files of earlier releases."""


class Daemon:
    """Leader of a session of its own, with a record in `run/` and a log in `logs/`."""

    def __init__(self, home: Home, name: str, record: str | None = None) -> None:
        """`record` names the record where several daemons share a name."""
        self.name = name
        self.log = home.logs / f"{name}.log"
        self._cwd = home.path
        self._record = home.run / f"{record or name}.json"

    def state(self) -> State:
        """Whether it runs, with which configuration, and which of its children outlived it."""
        record = self._read()
        if record is None:
            return State()
        if process.identity(record.pid) == record.identity:
            return State(record.pid, record.marks)
        return State(leftovers=tuple(member.pid for member in self.processes()))

    @property
    def was_started(self) -> bool:
        """Whether it was started, and not stopped since; it may have ended by itself."""
        return self._record.exists()

    def processes(self) -> list[psutil.Process]:
        """The processes of its session, the leader among them when it runs."""
        record = self._read()
        return process.session(record.pid, _program_now(record)) if record else []

    def start(
        self,
        command: Sequence[str | Path],
        environment: Mapping[str, str],
        account: Account | None = None,
    ) -> int:
        """Start it in the background and write down who it is. Its output goes to the log.

        It has no configuration before `ready`: a start that is interrupted is found, and done
        again. Returns the process id.
        """
        with self.log.open("ab") as log:
            popen = subprocess.Popen(
                [str(word) for word in command],
                env=dict(environment),
                cwd=self._cwd,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                **(account.popen_arguments() if account else {}),
            )
        identity = process.identity(popen.pid)
        if identity is None:
            popen.wait()
            raise self.failed("ended at once")
        self._write(Record(popen.pid, identity, process.program(popen.pid) or str(command[0]), {}))
        return popen.pid

    def wait(self, answers: Callable[[], object], timeout_s: float, tell: Tell) -> None:
        """Wait until what it answers is true. Raises SkytierError when it ends, or not in time."""

        def decided() -> bool:
            tell("starting")
            self._note_program()
            return self.state().pid is None or bool(answers())

        until(decided, timeout_s)
        if self.state().pid is None:
            raise self.failed("did not start")
        if not (answer := answers()):
            said = f"; it says: {answer}" if isinstance(answer, Answer) else ""
            raise self.failed(f"was not ready within {timeout_s:.0f} s{said}")

    def ready(self, config: RunningConfig) -> None:
        """Write down what it runs with, after a start or a reload."""
        if record := self._read():
            self._write(replace(record, program=_program_now(record), marks=config))

    def stop(self, first: signal.Signals, timeout_s: float) -> None:
        """Ask the leader to end with a signal; end what is left of its session, and forget it.

        After `timeout_s` seconds what still runs is killed.
        """
        if pid := self.state().pid:
            process.end([psutil.Process(pid)], first, timeout_s)
        process.end(self.processes(), signal.SIGTERM, 5)
        self.forget()

    def remembered(self) -> Record | None:
        """What was written down of the last start."""
        return self._read()

    def remember(self, record: Record) -> None:
        """Write down an earlier start again, of a process that still runs."""
        self._write(record)

    def forget(self) -> None:
        """Drop the record."""
        self._record.unlink(missing_ok=True)

    def failed(self, what: str) -> SkytierError:
        """An error that shows the end of the log."""
        said = files.last_lines(self.log, 12)
        return SkytierError(
            f"{self.name} {what}." + (f" The end of its log:\n{said}" if said else ""),
            f"The whole log: {self.log}",
        )

    def _note_program(self) -> None:
        """Write down what it runs, so that its children are known by it when it is gone."""
        if (record := self._read()) and record.program != (program := _program_now(record)):
            self._write(replace(record, program=program))

    def _read(self) -> Record | None:
        if not self._record.exists():
            return None
        return Record(**json.loads(self._record.read_text()))

    def _write(self, record: Record) -> None:
        files.write(self._record, json.dumps(asdict(record), indent=2) + "\n", 0o600)


def _program_now(record: Record) -> str:
    """What the process runs now; what is written down when it is gone."""
    runs = process.identity(record.pid) == record.identity
    return (process.program(record.pid) if runs else None) or record.program
