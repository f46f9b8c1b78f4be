"""`skytier init`"""

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from skytier.cli import console
from skytier.errors import SkytierError
from skytier.openstack.login import clouds

if TYPE_CHECKING:
    from skytier.project.recognised import Recognised

app = typer.Typer()
_VARIABLE = "application.env."


@dataclass
class _Draft:
    """What the file will say, by dotted key, and why."""

    chosen: dict[str, Any] = field(default_factory=dict)
    why: dict[str, str] = field(default_factory=dict)
    undecided: dict[str, str] = field(default_factory=dict)
    options: dict[str, Sequence[str]] = field(default_factory=dict)
    public: dict[str, Any] = field(default_factory=dict)
    """A network that could be `network` to the `public` that goes with it."""
    warnings: list[str] = field(default_factory=list)
    is_sample: bool = False
    """Whether the directory is a checkout of Skytier, whose ./deploy.sh reads the file, too."""


@app.command(
    epilog="Exit codes: 0 written; 1 it failed; 64 wrong usage.\n\n"
    "Example: skytier init --cloud mycloud --name shop --yes"
)
def init(
    cloud: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="A cloud of clouds.yaml to examine. Default: the stack runs here.",
            autocompletion=clouds.complete,
        ),
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="The stack's name. Default: skytier", metavar="NAME")
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option(metavar="PATH", help="Where to write it. Default: ./skytier.toml"),
    ] = None,
    yes: Annotated[
        bool, typer.Option("--yes", help="Ask nothing: choose what fits, and print it.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Overwrite an existing file.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Ask nothing, and print one JSON object, for scripts.")
    ] = False,
) -> None:
    """Write a stack file that explains every key. Reads the project in the directory, asks you, and
    examines the cloud."""
    # Imported here and below, so that other commands need not wait for pydantic and openstacksdk.
    from skytier import stackfile as stack
    from skytier.stackfile.document import commented

    file = file or stack.DEFAULT_PATH
    if file.exists() and not force:
        raise SkytierError(f"{file} is there already.", "Write over it: --force")
    asking = sys.stdin.isatty() and not yes and not as_json
    draft = _Draft()
    _recognise(draft, file.parent, asking=asking)
    if asking:
        cloud = cloud or _ask_cloud()
    if name or asking:
        draft.chosen["name"] = _valid("name", name) if name else _ask("name", "The stack's name")[1]
    if cloud:
        draft.chosen["cloud"] = cloud
        if draft.is_sample and file == stack.DEFAULT_PATH:
            draft.warnings.append(_deploys_there(cloud))
        _look(draft, cloud, as_json)
    if asking:
        _ask_all(draft)
    text = commented(draft.chosen, draft.why)
    stack.parse(text, str(file))
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise SkytierError(f"{file} cannot be written: {error.strerror}.") from error
    _say(draft, file, as_json)


def _deploys_there(cloud: str) -> str:
    return (
        f"./deploy.sh in this directory now uses the cloud {cloud}, too, and not this machine. To "
        "use this machine, remove the line cloud = ... from the file, and add --cloud "
        f"{cloud} to commands about the cloud."
    )


def _recognise(draft: _Draft, directory: Path, *, asking: bool) -> None:
    """What the project in the directory is; nothing where there is none."""
    from skytier.cli.beside import beside
    from skytier.cli.variables import lacking
    from skytier.project.recognise import recognise
    from skytier.stackfile.application import SAMPLE_PACKAGE

    found = recognise(directory)
    keys = ("serve", "interface", "run", "dependencies", "migrate", "collect", "static", "media")
    candidates = found.questions["serve"].candidates if "serve" in found.questions else ()
    if not (found.serve or found.run or found.framework or found.dependencies or candidates):
        return
    if any(each.startswith(f"{SAMPLE_PACKAGE}.") for each in (found.serve, *candidates)):
        draft.is_sample = True
        return  # the sample application needs no section
    for key, question in found.questions.items():
        draft.undecided[f"application.{key}"] = question.asks
        draft.options[f"application.{key}"] = question.candidates
    if asking and "application.serve" in draft.undecided:
        found = _with_serve(draft, found)
    if not (found.serve or found.run):
        draft.warnings += found.warnings
        return  # without one of them the file can hold no other key of the section
    for key in (*keys, "writable", "health", "env"):
        if value := getattr(found, key):
            mapping = key in ("static", "media", "env")
            draft.chosen[f"application.{key}"] = dict(value) if mapping else value
            said = [found.because.get(f"{key}.{name}", "") for name in value if mapping]
            if reasons := " ".join(dict.fromkeys(each for each in said if each)):
                draft.why[f"application.{key}"] = f"Found: {reasons}"
    if "requires" in found.because:
        draft.chosen["application.requires"] = []
    more = beside(found)
    for key, sections in (("process", more.processes), ("job", more.jobs)):
        if sections:
            draft.chosen[f"application.{key}"] = sections
            draft.why[f"application.{key}"] = f"Found: {more.why[key]}"
    draft.warnings += more.warnings
    for key, reason in found.because.items():
        draft.why[f"application.{key}"] = f"Found: {reason}"
    wants = lacking(found)
    for name, reason in wants.plain.items():
        draft.undecided[f"{_VARIABLE}{name}"] = reason
    if secrets := [*wants.secret, *wants.generated]:
        draft.chosen["application.required_secrets"] = secrets
    if comment := wants.comment:
        draft.why["application.env"] = f"{draft.why.get('application.env', '')} {comment}".strip()
    draft.warnings += [*found.warnings, *wants.todo]


def _with_serve(draft: _Draft, found: "Recognised") -> "Recognised":
    """The same with what serves the application, if the operator says it now."""
    console.out.print(draft.undecided["application.serve"], markup=False)
    _, serve = _ask("application.serve", "application.serve (Enter: later)")
    if not serve:
        return found
    del draft.undecided["application.serve"]
    return replace(found, serve=serve)


def _look(draft: _Draft, cloud: str, as_json: bool) -> None:
    from skytier.openstack.choices import picks
    from skytier.openstack.login.connection import connect

    region = clouds.region_of_environment(cloud)
    if region:
        draft.chosen["region"] = region
        draft.why["region"] = f"Picked: {region}: OS_REGION_NAME says so."
    conn = connect(cloud, region)
    if as_json:
        found = picks.look(conn)
    else:
        with console.err.status(f"Looking at {cloud} ..."):
            found = picks.look(conn)
    for key, pick in found.picked.items():
        draft.chosen[key] = pick.value
        draft.why[key] = f"Picked: {pick.said}."
    draft.undecided.update(found.undecided)
    draft.options.update(found.options)
    draft.public.update({name: pick.value for name, pick in found.public.items()})


def _ask_cloud() -> str | None:
    there = clouds.find()
    if not there.usable:
        return None
    where = f" in {there.file}" if there.names else ""
    console.out.print(f"Clouds{where}: {there}", markup=False)
    while True:
        answer = typer.prompt("Cloud (Enter: this machine)", default="", show_default=False)
        if not answer or answer in there.usable:
            return answer or None
        console.err.print(f"There is no cloud {answer!r}.", markup=False)


def _ask_all(draft: _Draft) -> None:
    """What is good to decide at the beginning; the rest can be read in the file."""
    questions = {"image": "Image", "flavor": "Flavor", "external_network": "External network"}
    questions |= {"network": "Network of the machines", "router": "Router"}
    questions |= {"public_network": "Network of the public port"}
    for key, question in questions.items():
        decided = key in draft.chosen or key in draft.undecided
        if decided and (options := draft.options.get(key)):
            _ask_option(draft, key, question, options)
    chosen = draft.chosen.get("public_network", draft.chosen.get("network", ""))
    if public := draft.public.get(chosen):
        draft.chosen["public"] = public
    for key in [key for key in draft.undecided if key.startswith(_VARIABLE)]:
        _ask_variable(draft, key.removeprefix(_VARIABLE))
    _ask_into(draft, "web.count", "How many web servers")
    if "cloud" not in draft.chosen:
        return
    _ask_into(draft, "ssh_from", "Networks that may connect by SSH")
    _ask_into(draft, "domain", "Domain (Enter: none yet)")
    if "domain" in draft.chosen:
        _ask_into(draft, "email", "Your e-mail address, for Let's Encrypt (Enter: no certificate)")
    if "email" in draft.chosen:
        draft.chosen["tls"] = "acme"


def _ask_variable(draft: _Draft, name: str) -> None:
    console.out.print(draft.undecided[_VARIABLE + name], markup=False)
    if value := typer.prompt(f"{name} (Enter: later)", default="", show_default=False):
        draft.chosen["application.env"] = {**draft.chosen.get("application.env", {}), name: value}
        del draft.undecided[_VARIABLE + name]


def _ask_into(draft: _Draft, key: str, question: str) -> None:
    """Ask for a key's value; what is the default anyway is left out of the file."""
    default, value = _ask(key, question)
    if value != default:
        draft.chosen[key] = value


def _ask_option(draft: _Draft, key: str, question: str, options: Sequence[str]) -> None:
    if key in draft.undecided:
        console.out.print(draft.undecided[key], markup=False)
    else:
        console.out.print(draft.why[key], markup=False)
    picked = draft.chosen.get(key, "")
    while True:
        answer = typer.prompt(question, default=picked, show_default=bool(picked))
        if answer == picked:
            return
        if answer in options:
            draft.chosen[key] = answer
            draft.why.pop(key, None)
            draft.undecided.pop(key, None)
            return
        console.err.print(f"The cloud has no {answer!r}. It has {', '.join(options)}.")


def _ask(key: str, question: str) -> tuple[Any, Any]:
    """The key's default, and an answer that the key may hold; Enter is the default."""
    from skytier.stackfile.document import keys

    about = next(each for each in keys() if each.dotted == key)
    default = about.default
    shown = ", ".join(default) if isinstance(default, list) else default
    while True:
        answer = typer.prompt(question, default=str(shown or ""), show_default=bool(shown))
        if not answer.strip():
            return default, default
        value: Any = answer
        if about.type == "number" and answer.strip().isdecimal():
            value = int(answer)
        elif about.type == "list of texts":
            value = [each for each in answer.replace(",", " ").split() if each]
        try:
            return default, _valid(key, value)
        except SkytierError as error:
            console.err.print(error.what, markup=False)


def _valid(key: str, value: Any) -> Any:
    """The value, if the key may hold it. Raises SkytierError."""
    from skytier import stackfile as stack
    from skytier.stackfile.document import toml

    try:
        stack.parse(f"{key} = {toml(value)}")
    except SkytierError as error:
        raise SkytierError(error.what.partition(": ")[2]) from None
    return value


def _say(draft: _Draft, file: Path, as_json: bool) -> None:
    from skytier.stackfile.document import toml

    if as_json:
        answer = {"file": str(file), "chosen": draft.chosen, "why": draft.why}
        answer |= {"warnings": draft.warnings}
        print(json.dumps(answer | {"undecided": draft.undecided}, indent=2))  # noqa: T201
        return
    width = max(map(len, [*draft.chosen, *draft.undecided, "external_network"])) + 2
    for key, value in draft.chosen.items():
        why = draft.why.get(key, "")
        reason = why.removeprefix("Picked: ").removeprefix("Found: ").removesuffix(".")
        shown = toml(value) if key.startswith("application.") else value
        said = f"{shown} ({reason})" if key.startswith("application.") and reason else reason
        console.out.print(Text.assemble(("✓ ", "green"), f"{key:<{width}}{said or shown}"))
    for key, reason in draft.undecided.items():
        console.out.print(Text.assemble(("! ", "yellow"), f"{key:<{width}}{reason}"))
    for warning in draft.warnings:
        console.out.print(Text.assemble(("! ", "yellow"), warning))
    skytier = console.program()
    named = "" if str(file) == "skytier.toml" else f" --file {file}"
    then = "doctor" if "cloud" in draft.chosen else "up"
    console.out.print(f"Wrote {file}. Look at it, then: {skytier} {then}{named}", markup=False)
    if draft.undecided:
        console.out.print(f"Set in it first: {', '.join(draft.undecided)}.", style="yellow")
