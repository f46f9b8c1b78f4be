"""The stack file: what is wanted, with every default."""

from skytier.stackfile.model import (
    DEFAULT_PATH,
    DatabaseSection,
    MachineSection,
    MonitorSection,
    StackFile,
    WebSection,
)
from skytier.stackfile.read import load, parse
from skytier.stackfile.section import Section

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
