"""The app.json of Heroku and Dokku as a beginning of `[application]`."""

import re
from collections import Counter
from typing import Any

from skytier.project.cron import on_calendar
from skytier.project.formats import json_object, table, tables
from skytier.project.recognised import Job, Question, Recognised
from skytier.project.tree import Tree

_FILE = "app.json"


def recognise(tree: Tree) -> Recognised:
    """Variables, jobs, numbers of processes, the path for health, and what runs before a release.

    Raises SkytierError when the file is broken.
    """
    content = json_object(tree, _FILE)
    found = _variables(table(content, "env")).over(_jobs(tables(content.get("cron"))))
    counts = {
        name: quantity
        for name, how in table(content, "formation").items()
        if isinstance(how, dict) and isinstance(quantity := how.get("quantity"), int)
    }
    health = _health(tables(table(content, "healthchecks").get("web")))
    before = table(content, "scripts", "dokku").get("predeploy")
    migrate = before if isinstance(before, str) else ""
    because = {"health": f"{_FILE}: healthchecks.web."} if health else {}
    if migrate:
        because["migrate"] = f"{_FILE}: scripts.dokku.predeploy."
    return Recognised(counts=counts, health=health, migrate=migrate, because=because).over(found)


def _variables(declared: dict[str, Any]) -> Recognised:
    env, variables, generated = {}, {}, []
    for name, how in declared.items():
        how = how if isinstance(how, dict) else {"value": how}
        value = how.get("value")
        if how.get("generator") == "secret":
            generated.append(name)
        elif isinstance(value, str | int | float) and value != "":
            env[name] = str(value).lower() if isinstance(value, bool) else str(value)
        elif how.get("required", True) is not False:
            said = how.get("description")
            variables[name] = said if isinstance(said, str) and said else f"{_FILE} requires it."
    because = {f"env.{name}": f"{_FILE}: env.{name}." for name in (*env, *variables, *generated)}
    return Recognised(env=env, variables=variables, generated=generated, because=because)


def _jobs(declared: list[dict[str, Any]]) -> Recognised:
    jobs, because, questions = {}, {}, {}
    names = Counter[str]()
    for each in declared:
        command, schedule = each.get("command"), each.get("schedule")
        if not (isinstance(command, str) and isinstance(schedule, str) and command.strip()):
            continue
        name = _name(command)
        names[name] += 1
        if names[name] > 1:
            name = f"{name}-{names[name]}"
        if at := on_calendar(schedule):
            jobs[name] = Job(command, at)
            because[f"jobs.{name}"] = f"{_FILE}: cron, at {schedule}."
        else:
            asks = (
                f"When does {command!r} run? {_FILE} says {schedule!r}, which is not one schedule."
            )
            questions[f"jobs.{name}"] = Question(asks)
    return Recognised(jobs=jobs, because=because, questions=questions)


def _name(command: str) -> str:
    """A name for a job: the last word of its command that is no option."""
    words = [word for word in command.split() if not word.startswith("-")]
    name = re.sub(r"[^a-z0-9]+", "-", words[-1].lower()).strip("-")[:40] if words else ""
    return name or "job"


def _health(checks: list[dict[str, Any]]) -> str:
    paths = (check.get("path") for check in checks)
    return next((path for path in paths if isinstance(path, str) and path.startswith("/")), "")
