"""`skytier image`"""

import json

import typer

from skytier.cli import chosen, console
from skytier.cli.chosen import Cloud, File, Json, Yes
from skytier.cli.progress import progress

app = typer.Typer()
image = typer.Typer(no_args_is_help=True, help="The image that new web servers are made from.")
app.add_typer(image, name="image")


@image.callback()
def commands() -> None:
    """Keeps `bake` a command of its own."""


@image.command(epilog="Example: skytier image bake")
def bake(cloud: Cloud = None, file: File = None, yes: Yes = False, as_json: Json = False) -> None:
    """Bake an image with the packages of the web servers, in your project.

    `skytier up` does so too; with this command the image is there before new servers need it. It
    needs `web.image_baked = true`. A server installs the packages, removes its own data (keys,
    logs), and powers off. Nova keeps its disk as an image, and the server is deleted. An older
    image is deleted once no server made from it is left. If packages and image are as before,
    nothing is done.
    """
    stack = chosen.cloud_stack(chosen.stack_file(file, cloud))
    from skytier.cli.on_cloud import plan as shown
    from skytier.cli.on_cloud.changes import in_words, names
    from skytier.deploy.plan import Action
    from skytier.openstack.choices.quota import refuse_short
    from skytier.openstack.plan import baking

    plan = stack.plan_bake()
    if not plan.empty:
        if not as_json:
            for step in (each for each in plan.steps if each.action is not Action.KEEP):
                sign, _ = shown.SIGNS[step.action]
                how = "".join(f", {text}" for text in in_words(step, names(plan.steps)))
                console.out.print(f"{sign} {step.key}{how}", markup=False, highlight=False)
        refuse_short(stack.quota(plan))
        console.confirm(
            "Bake it?", yes, "This changes a cloud, and there is no terminal to confirm it."
        )
        with progress(as_json=as_json) as events:
            stack.bake(plan, events)
    baked = [baking.key(plan.resolved, role).name for role in plan.resolved.stack.baked()]
    if as_json:
        said = {"event": "bake", "images": baked, "changed": not plan.empty}
        print(json.dumps(said))  # noqa: T201
        return
    done = "is there already" if plan.empty else "is there: new web servers are made from it"
    console.out.print(f"{baked[0]} {done}.", markup=False)
