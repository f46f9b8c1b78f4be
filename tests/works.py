"""An application with a worker and two jobs, and where it notes what they do."""

from collections.abc import Mapping
from pathlib import Path

from tests.project.trees import write_dedented

PROJECT = {
    "shop.py": """\
        def application(environ, start_response):
            start_response("200 OK", [("Content-Type", "text/plain")])
            return [b"version 1"]
        """,
    "worker.py": """\
        import os, signal, sys, time
        from note import note

        def end(number, frame):
            time.sleep(float(os.environ["FINISH_S"]))  # the task that it is in the midst of
            note("finished", os.environ["SKYTIER_RELEASE"])
            sys.exit()

        signal.signal(signal.SIGTERM, end)
        note("begun", os.environ["SKYTIER_RELEASE"])
        print("I work.")
        while True:
            time.sleep(0.05)
        """,
    "tick.py": """\
        import os
        from note import note

        note("tick", os.environ["SKYTIER_DUE"])
        print("tick", bool(os.environ["DATABASE_URL"]))
        """,
    "long.py": """\
        import os, time
        from note import is_enough, note

        note("long-begun", os.environ["SKYTIER_RELEASE"])
        while not is_enough():
            time.sleep(0.05)
        note("long-ended", os.environ["SKYTIER_RELEASE"])
        """,
}
IN_A_FILE = {
    "requirements.txt": "",
    "note.py": """\
        import os, pathlib

        PLACE = pathlib.Path(os.environ["PLACE"])

        def note(what, more):
            with (PLACE / "noted").open("a") as file:
                file.write(f"{what} {os.getpid()} {more}\\n")

        def is_enough():
            return (PLACE / "enough").exists()
        """,
}
"""Notes are lines of a file of one machine: what, process id, and more."""
IN_THE_DATABASE = {
    "requirements.txt": "psycopg[binary]==3.3.6\n",
    "migrate.py": """\
        import os, psycopg

        with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
            connection.execute("CREATE TABLE IF NOT EXISTS said (what text, host text, more text)")
        """,
    "note.py": """\
        import os, psycopg, socket, time

        END = time.monotonic() + 25

        def note(what, more):
            with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
                values = (what, socket.gethostname(), more)
                connection.execute("INSERT INTO said VALUES (%s, %s, %s)", values)

        def is_enough():
            return time.monotonic() > END
        """,
}
"""Notes are rows of a table: what, host, and more."""


def write(directory: Path, notes: Mapping[str, str]) -> Path:
    """The project, with one of the ways to note. Returns its directory."""
    return write_dedented(directory, {**PROJECT, **notes})


def application(more: str, *, worker: str = "python worker.py", limits: str = "", tick: str) -> str:
    """The section of the stack file: two workers, and a job that runs as often as `tick` says.

    `more` are further lines of `[application]`, and `limits` of the worker.
    """
    return f"""\
[application]
serve = "shop:application"
interface = "wsgi"
{more}

[[application.process]]
name = "worker"
run = "{worker}"
count = 2
{limits}

[[application.job]]
name = "tick"
run = "python tick.py"
at = "{tick}"

[[application.job]]
name = "long"
run = "python long.py"
at = "yearly"
"""
