"""`skytier cost estimate`"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer

from skytier.cli import chosen
from skytier.cli.chosen import Cloud, File, Json
from skytier.cli.cost import compared, priced
from skytier.costs import bill, flavors, rates
from skytier.costs.bill import Bill
from skytier.costs.flavors import Sized
from skytier.costs.price_list import PriceList
from skytier.costs.rates import Rates
from skytier.errors import SkytierError, together
from skytier.roles import ROLES
from skytier.stackfile import StackFile
from skytier.stackfile.model import DEFAULT_PATH

app = typer.Typer()


@app.command(
    epilog="Exit codes: 0 done; 1 it failed; 64 wrong usage.\n\nExamples: skytier cost estimate "
    "--rates rates.toml; skytier cost estimate --compare larger.toml; skytier cost estimate "
    "--compare-rates here.toml there.toml"
)
def estimate(
    cloud: Cloud = None,
    file: File = None,
    rates_file: Annotated[
        Path | None,
        typer.Option(
            "--rates", metavar="PATH", help="The rates file. Default: the stack file's cost.rates"
        ),
    ] = None,
    compare: Annotated[
        Path | None,
        typer.Option(metavar="PATH", help="Another stack file, to compare with this one."),
    ] = None,
    compare_rates: Annotated[
        tuple[Path, Path] | None,
        typer.Option(metavar="PATH PATH", help="Two rates files, to compare them."),
    ] = None,
    offline: Annotated[
        bool, typer.Option("--offline", help="Do not ask the cloud how large its flavors are.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Show what the stack of the stack file would cost, by hour and month.

    With a cloud the sizes are those of its flavors, and the difference to what is there is shown.
    Without a cloud, or where the cloud lacks a flavor of the stack, the sizes come from the rates
    file, or are assumed: m1.small has 2 vCPU and 4 GiB. With a schedule of web servers it is the
    cost of an average week, without a difference.
    """
    if compare and compare_rates:
        raise typer.BadParameter("--compare and --compare-rates do not go together.")
    if rates_file and compare_rates:
        raise typer.BadParameter("--rates and --compare-rates do not go together.")
    stack = chosen.stack_file(file, cloud)
    if offline:
        stack = stack.model_copy(update={"cloud": None})
    if compare_rates:
        before, after = (_bill(stack, rates.load(path).on()) for path in compare_rates)
        compared.show(before, after, [path.name for path in compare_rates], as_json=as_json)
        return
    if compare:
        # Both are of one cloud, or of none.
        other = chosen.stack_file(compare, None).model_copy(update={"cloud": stack.cloud})
        names = [(file or DEFAULT_PATH).name, compare.name]
        prices = _prices(stack, rates_file, other)
        before, after = (_bill(each, prices.rates.on(), prices.notes) for each in (stack, other))
        compared.show(before, after, names, as_json=as_json)
        return
    if stack.cloud:
        backend = chosen.cloud_stack(stack)
        try:
            planned = backend.plan()
        except SkytierError as error:
            _show_of_file(stack, rates_file, error, as_json=as_json)
            return
        cost = planned.cost_by(PriceList(rates.load(rates_file))) if rates_file else planned.cost
        if stack.web.schedule:
            sizes = planned.resolved.choices.flavors
            roots = planned.resolved.choices.roots
            resources = bill.of_file(stack, ROLES, sizes, lambda role, _: roots[role])
            priced.show(Bill(cost.rates, resources, cost.notes), stack.cost, as_json=as_json)
            return
        priced.show(cost.after, stack.cost, cost.before, as_json=as_json)
    else:
        card = _prices(stack, rates_file).rates.on()
        priced.show(_bill(stack, card), stack.cost, as_json=as_json)


def _show_of_file(
    stack: StackFile, rates_file: Path | None, error: SkytierError, *, as_json: bool
) -> None:
    """The cost where the cloud cannot make the stack: by its flavors, else by the file alone.

    Raises SkytierError where neither tells the sizes.
    """
    lacks = f"Not compared with what is there: {stack.cloud} cannot make this stack. {error.what}"
    errors = [error]
    for each in (stack, stack.model_copy(update={"cloud": None})):
        try:
            prices = _prices(each, rates_file)
            found = _bill(each, prices.rates.on(), [lacks, *prices.notes])
        except SkytierError as other:
            errors.append(other)
        else:
            priced.show(found, stack.cost, as_json=as_json)
            return
    raise together(errors)


def _prices(stack: StackFile, named: Path | None, *others: StackFile) -> PriceList:
    """Without a cloud those of a file, or examples."""
    if stack.cloud is None:
        return PriceList(rates.load(named) if named else rates.for_stack(stack))
    from skytier.openstack.login.connection import connect
    from skytier.openstack.spending.prices import prices

    sections = ((each, s) for each in (stack, *others) for s in each.machines().values())
    names = {section.flavor or each.flavor for each, section in sections}
    return prices(connect(stack.cloud, stack.region), stack, names, named)


def _bill(stack: StackFile, card: Rates, taken: Sequence[str] = ()) -> Bill:
    sizes = _flavors(stack, card)
    if stack.cloud:
        return Bill(card, bill.of_file(stack, ROLES, sizes, _roots(stack, sizes)), taken)
    resources = bill.of_file(stack, ROLES, sizes)
    names = dict.fromkeys(r.flavor for r in resources if r.flavor)
    notes = [note for name in names if (note := flavors.assumed(card, name))]
    return Bill(card, resources, [*taken, *notes])


def _roots(stack: StackFile, sizes: Mapping[str, Sized]) -> bill.RootGib:
    """The root volumes on a cloud, of which the sizes of images are not asked."""
    from skytier.openstack.choices.roots import USUAL_GIB

    def root_gib(role: str, _: int) -> int:
        by_itself = 0 if sizes[role].disk_gib else USUAL_GIB
        return stack.root_gib_of(role) or by_itself

    return root_gib


def _flavors(stack: StackFile, card: Rates) -> Mapping[str, Sized]:
    """Role to the flavor that the stack file names."""
    if stack.cloud is None:
        return {
            role: flavors.size(card, section.flavor or stack.flavor)
            for role, section in stack.machines().items()
        }
    # openstacksdk takes a second to import, which an estimate without a cloud need not wait for.
    from skytier.openstack.choices import choices
    from skytier.openstack.login.connection import connect

    offered = choices.offered_flavors(connect(stack.cloud, stack.region))
    return choices.choose_flavors(offered, stack)
