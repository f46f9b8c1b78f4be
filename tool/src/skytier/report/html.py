"""A report as one file of HTML, which asks for nothing else."""

import base64
from itertools import groupby

from skytier.report import draw, sentences
from skytier.report.facts import Facts
from skytier.report.page import page


def html(facts: Facts) -> str:
    """The whole page."""
    groups = [
        (
            str(group),
            [
                (each.chart.title, _image(draw.svg(each, facts.releases)), sentences.drawing(each))
                for each in drawings
            ],
        )
        for group, drawings in groupby(facts.drawings, key=lambda each: each.chart.group)
    ]
    return page("report", facts=facts, groups=groups, say=sentences)


def _image(svg: str) -> str:
    """As an image, since a file's own names must not meet those of another one."""
    return "data:image/svg+xml;base64," + base64.b64encode(svg.encode()).decode()
