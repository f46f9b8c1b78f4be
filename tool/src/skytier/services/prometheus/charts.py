"""What Prometheus adds: its rules, what answered it, and its alerts."""

from skytier.charts.chart import Chart, Group, Unit
from skytier.charts.expression import largest, total

CHARTS = (
    Chart(
        "cost_per_month",
        "Cost at the present rate",
        Group.COST,
        Unit.MONEY,
        total("skytier_cost_per_month"),
    ),
)

UP = Chart("up", "What answers", Group.MACHINES, Unit.COUNT, largest("up", ("machine", "job")))
"""Not to be drawn: what answers."""

FIRING = Chart(
    "alerts_firing",
    "Alerts that fire",
    Group.MACHINES,
    Unit.COUNT,
    # Prometheus keeps the state of its alerts as a metric of its own.
    total("ALERTS", ("alertname", "severity", "machine"), {"alertstate": "firing"}),
)
"""Not to be drawn: which alerts fired."""
