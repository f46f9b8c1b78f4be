"""The stack file: what is wanted, with every default."""

from skytier.stack.model import (
    DEFAULT_PATH,
    DatabaseSection,
    MachineSection,
    Section,
    StackFile,
    WebSection,
)
from skytier.stack.read import load, parse

__all__ = [
    "DEFAULT_PATH",
    "DatabaseSection",
    "MachineSection",
    "Section",
    "StackFile",
    "WebSection",
    "load",
    "parse",
]
