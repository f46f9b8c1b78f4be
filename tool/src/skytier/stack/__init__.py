"""The stack file: what is wanted, with every default."""

from skytier.stack.model import (
    DEFAULT_PATH,
    DatabaseSection,
    MachineSection,
    MonitorSection,
    StackFile,
    WebSection,
)
from skytier.stack.read import load, parse
from skytier.stack.section import Section

__all__ = [
    "DEFAULT_PATH",
    "DatabaseSection",
    "MachineSection",
    "MonitorSection",
    "Section",
    "StackFile",
    "WebSection",
    "load",
    "parse",
]
