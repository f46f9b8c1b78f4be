"""What happens while a plan is carried out: a live table on a terminal, else a line an event."""

import json
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from rich import box
from rich.console import Group
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from skytier.cli import console
from skytier.deploy.apply import Progress
from skytier.deploy.plan import Action, Step
from skytier.errors import SkytierError

State = Literal["running", "done", "failed", "skipped"]
_SIGN = {"done": ("✓", "green"), "failed": ("✗", "red"), "skipped": ("·", "dim")}
_PAST = {
    Action.CREATE: "created",
    Action.CHANGE: "changed",
    Action.REPLACE: "replaced",
    Action.DELETE: "deleted",
}


class Shown(Progress, Protocol):
    """Events that are shown for the time of a block."""

    stages: "Stages"

    def __enter__(self) -> "Shown": ...

    def __exit__(self, *_: object) -> None: ...


@dataclass
class Stages:
    """How long each kind of resource took, from its first beginning to its last end."""

    began: dict[str, float] = field(default_factory=dict)
    ended: dict[str, float] = field(default_factory=dict)

    def start(self, step: Step) -> None:
        """A step begins now."""
        self.began.setdefault(step.key.kind, time.monotonic())

    def end(self, step: Step) -> None:
        """A step ends now."""
        self.ended[step.key.kind] = time.monotonic()

    def seconds(self) -> dict[str, float]:
        """Kind to seconds. Kinds overlap, so the sum says nothing."""
        return {kind: end - self.began[kind] for kind, end in self.ended.items()}

    def __str__(self) -> str:
        """`network 3 s, server 41 s`."""
        return ", ".join(f"{kind} {took:.0f} s" for kind, took in self.seconds().items())


class Lines:
    """One line for each event, for a log."""

    def __init__(self) -> None:
        self.stages = Stages()
        self._said: dict[int, str] = {}
        self._lock = threading.Lock()

    def __enter__(self) -> "Lines":
        return self

    def __exit__(self, *_: object) -> None: ...

    def planned(self, steps: Sequence[Step]) -> None:
        """Steps that change nothing have no line."""

    def started(self, step: Step) -> None:
        """Say what begins."""
        self.stages.start(step)
        self._print(f"  {step.key}: {step.action}")

    def told(self, step: Step, text: str) -> None:
        """Say what it is at, once."""
        if self._said.get(id(step)) != text:
            self._said[id(step)] = text
            self._print(f"  {step.key}: {text}")

    def done(self, step: Step, seconds: float) -> None:
        """Say that it is done."""
        self.stages.end(step)
        self._print(f"✓ {step.key}: {_PAST[step.action]}  {seconds:.1f} s")

    def failed(self, step: Step, error: BaseException, seconds: float) -> None:
        """Say that it failed; all errors are shown whole at the end."""
        self._print(f"✗ {step.key}: {_first_line(error)}  {seconds:.1f} s")

    def skipped(self, step: Step) -> None:
        """Say that it was left out."""
        if step.action is not Action.KEEP:
            self._print(f"· {step.key}: not begun")

    def _print(self, line: str) -> None:
        with self._lock:
            console.out.print(line, markup=False)


class JsonLines(Lines):
    """One JSON object for each event."""

    def started(self, step: Step) -> None:
        """A step begins."""
        self.stages.start(step)
        self._event(step, "started")

    def told(self, step: Step, text: str) -> None:
        """What it is at, once."""
        if self._said.get(id(step)) != text:
            self._said[id(step)] = text
            self._event(step, "progress", text=text)

    def done(self, step: Step, seconds: float) -> None:
        """It is done."""
        self.stages.end(step)
        self._event(step, "done", seconds=round(seconds, 1))

    def failed(self, step: Step, error: BaseException, seconds: float) -> None:
        """It failed, and what to do; None where nobody says."""
        do = error.do if isinstance(error, SkytierError) else None
        self._event(step, "failed", seconds=round(seconds, 1), error=str(error), do=do)

    def skipped(self, step: Step) -> None:
        """It was left out."""
        if step.action is not Action.KEEP:
            self._event(step, "skipped")

    def _event(self, step: Step, event: str, **more: object) -> None:
        about = {"event": event, "kind": step.key.kind, "resource": step.key.name}
        with self._lock:
            print(json.dumps({**about, "action": step.action, **more}), flush=True)  # noqa: T201


@dataclass
class _Row:
    step: Step
    state: State
    began: float
    text: str = ""
    seconds: float = 0.0
    spinner: Spinner = field(default_factory=lambda: Spinner("dots"))


class LiveTable:
    """A row for each resource that something happens to."""

    def __init__(self) -> None:
        self.stages = Stages()
        self._rows: dict[int, _Row] = {}
        self._lock = threading.Lock()
        self._live = Live(
            console=console.out, get_renderable=self._render, refresh_per_second=8, transient=False
        )

    def __enter__(self) -> "LiveTable":
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def planned(self, steps: Sequence[Step]) -> None:
        """Steps that change nothing have no row."""

    def started(self, step: Step) -> None:
        """A new row."""
        self.stages.start(step)
        with self._lock:
            self._rows[id(step)] = _Row(step, "running", time.monotonic(), _doing(step))

    def told(self, step: Step, text: str) -> None:
        """What it is at."""
        self._rows[id(step)].text = text

    def done(self, step: Step, seconds: float) -> None:
        """A check mark."""
        self.stages.end(step)
        self._end(step, "done", _PAST[step.action], seconds)

    def failed(self, step: Step, error: BaseException, seconds: float) -> None:
        """A cross."""
        self._end(step, "failed", _first_line(error), seconds)

    def skipped(self, step: Step) -> None:
        """What was planned and not begun."""
        if step.action is not Action.KEEP:
            with self._lock:
                self._rows[id(step)] = _Row(step, "skipped", 0.0, "not begun")

    def _end(self, step: Step, state: State, text: str, seconds: float) -> None:
        row = self._rows[id(step)]
        row.state, row.text, row.seconds = state, text, seconds

    def _render(self) -> Group:
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        for heading in ("", "Resource", "Name", "State"):
            table.add_column(heading)
        table.add_column("Seconds", justify="right")
        now = time.monotonic()
        with self._lock:
            rows = list(self._rows.values())
        for row in rows:
            running = row.state == "running"
            sign = row.spinner if running else Text(*_SIGN[row.state])
            seconds = now - row.began if running else row.seconds
            shown = "" if row.state == "skipped" else f"{seconds:.1f}"
            table.add_row(sign, row.step.key.kind, row.step.key.name, row.text, shown)
        return Group(table)


def progress(*, as_json: bool = False) -> "Lines | LiveTable":
    """What suits where the output goes."""
    if as_json:
        return JsonLines()
    return LiveTable() if console.out.is_terminal else Lines()


def _doing(step: Step) -> str:
    return {Action.CREATE: "creating", Action.CHANGE: "changing", Action.REPLACE: "replacing"}.get(
        step.action, "deleting"
    )


def _first_line(error: BaseException) -> str:
    text = error.what if isinstance(error, SkytierError) else str(error) or type(error).__name__
    return text.splitlines()[0]
