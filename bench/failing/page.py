"""The results as a table in docs/reference/reliability.md."""

import os
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from bench.speed.machine import CHECKOUT

PAGE = CHECKOUT / "docs/reference/reliability.md"
_BEGIN, _END = "<!-- bench/database writes from here -->", "<!-- to here -->"


def write(results: Mapping[str, Mapping[str, Any]]) -> None:
    """Put the table into the page, between its marks."""
    now = datetime.now(UTC).strftime("%Y-%m-%d")
    rows = [
        f"| {name} | {each['acknowledged']:,} | {each['lost']} "
        f"| {each['seconds_without_writes']} s "
        f"| {each['seconds_without_reads']} s | {'yes' if each['rejoined'] else 'no'} |"
        for name, each in results.items()
    ]
    table = "\n".join(
        [
            _BEGIN,
            f"Measured on {now}: three members and a web server in containers, on "
            f"{os.cpu_count()} cores that other work shared (load {os.getloadavg()[1]:.0f}).",
            "",
            "| fault | acknowledged | lost | without writes | without reads | rejoined |",
            "|---|---|---|---|---|---|",
            *rows,
            _END,
        ]
    )
    text = PAGE.read_text()
    PAGE.write_text(re.sub(f"{_BEGIN}.*{_END}", lambda _: table, text, flags=re.DOTALL))
