"""What is wrong with a stack, in words."""

from collections.abc import Iterable

from rich.text import Text

from skytier.cli import console
from skytier.status import Fault


def show(faults: Iterable[Fault]) -> None:
    """Print a line for each fault, what `up` does about it, and what a person can do."""
    for fault in faults:
        up = f"skytier up: {fault.up}." if fault.up else "skytier up does nothing about it."
        line = Text.assemble(
            (f"{fault.kind} {fault.resource}: ", "bold yellow"), f"{fault.what}. ", up
        )
        if fault.do:
            line.append(f" {console.callable_here(fault.do)}")
        console.out.print(line)
