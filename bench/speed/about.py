"""What the figures were found with: versions, machine, noise, memory, start-up."""

import importlib.metadata
import json
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.speed import environments, machine, results
from bench.speed.contenders import CONTENDERS, PLAIN, Contender
from bench.speed.database import Database
from bench.speed.measure import Plan, measure
from bench.speed.stage import Stage
from bench.speed.subjects import Application


@dataclass(frozen=True)
class About:
    """What a reader of the figures has to know beside them."""

    machine: str
    versions: Mapping[str, str]
    """Of the programs, and what each contender is made of."""
    noise: float | None
    """How far the plain design is from itself: 0.05 is 5%. None without the plain design."""
    memory_mib: Mapping[str, float]
    """Of each contender with its one worker, after the run."""
    start_up_s: Mapping[str, float]


def noise(stage: Stage, plan: Plan) -> float | None:
    """The plain design measured against itself, as if it were two."""
    plain = next((one for one in stage.applications if one.name == PLAIN), None)
    if plain is None:
        return None
    again = Application("again", plain.server, plain.nginx)
    found = results.results(measure([plan], [plain, again], stage.works))
    work, setting = plan.works[0], plan.setting
    one, other = found[work, setting, PLAIN], found[work, setting, again.name]
    return abs(results.quotient(one.rps, other.rps) - 1)


def look(stage: Stage, data: Database, noise: float | None) -> About:
    """Look around while all still runs."""
    return About(
        machine=machine.description(),
        versions={**_programs(data), **_contenders([one.name for one in stage.applications])},
        noise=noise,
        memory_mib={one.name: round(one.server.memory_mib(), 1) for one in stage.applications},
        start_up_s={one.name: round(one.server.started_in_s, 2) for one in stage.applications},
    )


def _programs(data: Database) -> dict[str, str]:
    said = {
        "nginx": _output(machine.program("nginx"), "-v"),
        "wrk": _output(machine.program("wrk"), "-v"),
    }
    return {"postgresql": data.version(), **{name: _number(text) for name, text in said.items()}}


def _contenders(names: Sequence[str]) -> dict[str, str]:
    return {
        contender.name: ", ".join(f"{part} {_version(contender, part)}" for part in contender.parts)
        for contender in CONTENDERS
        if contender.name in names
    }


def _version(contender: Contender, part: str) -> str:
    if "{own}" in contender.command:
        return importlib.metadata.version(part)
    if "{fastify}" in contender.command:
        if part == "node":
            return _number(_output(machine.program("node"), "--version"))
        package = environments.fastify() / "node_modules" / part / "package.json"
        return str(json.loads(package.read_text())["version"])
    ask = f"import importlib.metadata as m; print(m.version({part!r}))"
    return _output(str(environments.python()), "-c", ask)


def _output(*command: str) -> str:
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    return (done.stdout + done.stderr).strip()


def _number(text: str) -> str:
    found = re.search(r"\d+(\.\d+)+", text)
    return found[0] if found else text
