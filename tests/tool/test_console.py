"""What is printed for a file or a program."""

import os
import subprocess
import sys
from pathlib import Path


def test_nothing_of_a_table_is_cut_where_there_is_no_terminal(tmp_path: Path) -> None:
    name = "a-stack-with-a-name-of-32-letters"[:32]
    (tmp_path / "skytier.toml").write_text(f'name = "{name}"\n')
    known = {key: value for key, value in os.environ.items() if key != "COLUMNS"}

    done = subprocess.run(
        [sys.executable, "-m", "skytier", "cost", "estimate", "--offline"],
        cwd=tmp_path,
        env=known,
        check=True,
        capture_output=True,
        text=True,
    )

    [line] = [line for line in done.stdout.splitlines() if f"server {name}-database-1" in line]
    assert line.split()[-1] == "133.40"
