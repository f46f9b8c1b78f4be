"""The requests a second of all contenders as a picture."""

from collections.abc import Mapping
from pathlib import Path

from bench.speed.contenders import CONTENDERS, PRODUCT
from bench.speed.measure import MAIN
from bench.speed.results import Key, Result
from bench.speed.work import WORK

OURS, OTHERS = "#0f766e", "#a8b3c2"


def draw(found: Mapping[Key, Result], path: Path) -> None:
    """Write an SVG with a panel for each kind of work."""
    import matplotlib as mpl

    mpl.use("svg")
    # The same picture from the same figures: no date, no random names, text as text.
    mpl.rcParams.update({"svg.hashsalt": "skytier", "svg.fonttype": "none", "font.size": 9})
    from matplotlib import pyplot

    works = [work for work in WORK if any((work, MAIN, c.name) in found for c in CONTENDERS)]
    columns = 4
    rows = -(-len(works) // columns)
    figure, grid = pyplot.subplots(
        rows, columns, figsize=(14, 2.7 * rows), squeeze=False, layout="constrained"
    )
    panels = grid.flatten()
    for panel, work in zip(panels, works, strict=False):
        bars = sorted(
            (found[work, MAIN, one.name].rps, one.title, one.name == PRODUCT)
            for one in CONTENDERS
            if (work, MAIN, one.name) in found
        )
        drawn = panel.barh(
            [title for _, title, _ in bars],
            [rps for rps, _, _ in bars],
            color=[OURS if ours else OTHERS for _, _, ours in bars],
        )
        panel.bar_label(drawn, fmt="%.0f", padding=3)
        panel.set_title(work, loc="left", fontweight="bold")
        panel.margins(x=0.18)
        panel.spines[["top", "right", "bottom"]].set_visible(False)
        panel.tick_params(bottom=False, labelbottom=False, left=False)
    for panel in panels[len(works) :]:
        panel.set_visible(False)
    figure.suptitle(
        "Requests a second: one worker, 32 connections, through Nginx", x=0.01, ha="left"
    )
    figure.savefig(path, format="svg", facecolor="white", metadata={"Date": None, "Creator": None})
    pyplot.close(figure)
