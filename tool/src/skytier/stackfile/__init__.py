"""The stack file: what is wanted, with every default."""

from skytier.stackfile.cache import CacheSection
from skytier.stackfile.machines import (
    BalancerSection,
    DatabaseSection,
    MachineSection,
    MonitorSection,
    WebSection,
)
from skytier.stackfile.model import DEFAULT_PATH, StackFile
from skytier.stackfile.read import load, parse
from skytier.stackfile.section import Section

__all__ = [
    "DEFAULT_PATH",
    "BalancerSection",
    "CacheSection",
    "DatabaseSection",
    "MachineSection",
    "MonitorSection",
    "Section",
    "StackFile",
    "WebSection",
    "load",
    "parse",
]
