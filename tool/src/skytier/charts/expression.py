"""How a figure is computed: one definition that is PromQL for Prometheus, and arithmetic here.

Without a Prometheus the same figures come from two scrapes, by `evaluate`. An expression is built
from `total`, `rate`, `largest` and `quantile` with `+`, `-`, `*` and `/`.

>>> (100 * (1 - total("free", by=("machine",)) / total("size", by=("machine",)))).promql()
'100 * (1 - sum by (machine) (free) / sum by (machine) (size))'
"""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from skytier.charts.scrape import Labels, Window

Values = dict[Labels, float]
"""One value for each set of labels."""
INTERVAL = "$__rate_interval"
"""Stands for the time that a rate is taken over. It is Grafana's name for it."""


class Expression:
    """A figure for each set of labels."""

    @property
    def by(self) -> tuple[str, ...]:
        """The labels that tell one of its values from another."""
        raise NotImplementedError

    def promql(self) -> str:
        """The figure in Prometheus' language; `INTERVAL` stands in it for the time of a rate."""
        raise NotImplementedError

    def evaluate(self, window: Window) -> Values:
        """The figure from two scrapes. What cannot be told, such as 0 / 0, is left out."""
        raise NotImplementedError

    def __add__(self, other: "Expression | float") -> "Expression":
        return _Arithmetic("+", self, _of(other))

    def __sub__(self, other: "Expression | float") -> "Expression":
        return _Arithmetic("-", self, _of(other))

    def __rsub__(self, other: float) -> "Expression":
        return _Arithmetic("-", _of(other), self)

    def __rmul__(self, other: float) -> "Expression":
        return _Arithmetic("*", _of(other), self)

    def __truediv__(self, other: "Expression | float") -> "Expression":
        return _Arithmetic("/", self, _of(other))

    def __or__(self, other: "Expression") -> "Expression":
        return _Or(self, other)


@dataclass(frozen=True)
class _Number(Expression):
    value: float

    @property
    def by(self) -> tuple[str, ...]:
        return ()

    def promql(self) -> str:
        return f"{self.value:g}"

    def evaluate(self, window: Window) -> Values:
        return {frozenset(): self.value}


@dataclass(frozen=True)
class _Selection(Expression):
    """A metric's samples, those with the same labels of `by` taken together."""

    metric: str
    kept: tuple[str, ...]
    where: tuple[tuple[str, str, str], ...]
    fold: str
    is_rate: bool

    @property
    def by(self) -> tuple[str, ...]:
        return self.kept

    def promql(self) -> str:
        matchers = ", ".join(f'{name}{matcher}"{p}"' for name, matcher, p in self.where)
        selector = self.metric + (f"{{{matchers}}}" if matchers else "")
        inner = f"rate({selector}[{INTERVAL}])" if self.is_rate else selector
        by = f"by ({', '.join(self.by)}) " if self.by else ""
        return f"{self.fold} {by}({inner})" if by else f"{self.fold}({inner})"

    def evaluate(self, window: Window) -> Values:
        samples = window.rates(self.metric) if self.is_rate else window.now(self.metric)
        wanted = [(name, matcher == "=~", re.compile(p)) for name, matcher, p in self.where]
        groups: dict[Labels, list[float]] = {}
        for labels, value in samples:
            if all(bool(p.fullmatch(labels.get(name, ""))) is is_it for name, is_it, p in wanted):
                groups.setdefault(_labels(labels, self.by), []).append(value)
        return {labels: _FOLDS[self.fold](values) for labels, values in groups.items()}


@dataclass(frozen=True)
class _Quantile(Expression):
    """A quantile of a histogram, by linear interpolation within its bucket."""

    q: float
    buckets: _Selection

    @property
    def by(self) -> tuple[str, ...]:
        return tuple(name for name in self.buckets.by if name != "le")

    def promql(self) -> str:
        return f"histogram_quantile({self.q:g}, {self.buckets.promql()})"

    def evaluate(self, window: Window) -> Values:
        histograms: dict[Labels, list[tuple[float, float]]] = {}
        for labels, value in self.buckets.evaluate(window).items():
            bound = next(value for name, value in labels if name == "le")
            rest = frozenset(pair for pair in labels if pair[0] != "le")
            histograms.setdefault(rest, []).append((float(bound), value))
        found = {rest: _quantile(self.q, sorted(each)) for rest, each in histograms.items()}
        return {labels: value for labels, value in found.items() if value is not None}


@dataclass(frozen=True)
class _Arithmetic(Expression):
    operator: str
    left: Expression
    right: Expression

    @property
    def by(self) -> tuple[str, ...]:
        return self.left.by or self.right.by

    def promql(self) -> str:
        return f"{_operand(self.left, self)} {self.operator} {_operand(self.right, self)}"

    def evaluate(self, window: Window) -> Values:
        left, right = self.left.evaluate(window), self.right.evaluate(window)
        apply = _OPERATORS[self.operator]
        if isinstance(self.left, _Number):
            pairs = {labels: (self.left.value, value) for labels, value in right.items()}
        elif isinstance(self.right, _Number):
            pairs = {labels: (value, self.right.value) for labels, value in left.items()}
        else:
            pairs = {labels: (left[labels], right[labels]) for labels in left.keys() & right.keys()}
        found = {labels: apply(*pair) for labels, pair in pairs.items()}
        return {labels: value for labels, value in found.items() if math.isfinite(value)}


@dataclass(frozen=True)
class _Or(Expression):
    """The first one, and the other one for what the first one lacks."""

    first: Expression
    other: Expression

    @property
    def by(self) -> tuple[str, ...]:
        return self.first.by

    def promql(self) -> str:
        return f"{self.first.promql()} or {self.other.promql()}"

    def evaluate(self, window: Window) -> Values:
        return self.other.evaluate(window) | self.first.evaluate(window)


def total(
    metric: str, by: Sequence[str] = (), where: Mapping[str, str] | None = None
) -> Expression:
    """The sum of a metric.

    `where` has a regular expression for a label's whole value; behind a `!` for what it is not.
    """
    return _Selection(metric, tuple(by), _matchers(where), "sum", is_rate=False)


def largest(
    metric: str, by: Sequence[str] = (), where: Mapping[str, str] | None = None
) -> Expression:
    """The largest of a metric's values."""
    return _Selection(metric, tuple(by), _matchers(where), "max", is_rate=False)


def rate(metric: str, by: Sequence[str] = (), where: Mapping[str, str] | None = None) -> Expression:
    """How much a counter grows each second, summed up."""
    return _Selection(metric, tuple(by), _matchers(where), "sum", is_rate=True)


def quantile(
    q: float, histogram: str, by: Sequence[str] = (), where: Mapping[str, str] | None = None
) -> Expression:
    """The value that a share `q` of what a histogram counted lately does not exceed."""
    metric = f"{histogram}_bucket"
    buckets = _Selection(metric, ("le", *by), _matchers(where), "sum", is_rate=True)
    return _Quantile(q, buckets)


def _divide(left: float, right: float) -> float:
    return left / right if right else math.nan


_FOLDS: Mapping[str, Callable[[Sequence[float]], float]] = {"sum": math.fsum, "max": max}
_OPERATORS: Mapping[str, Callable[[float, float], float]] = {
    "+": lambda left, right: left + right,
    "-": lambda left, right: left - right,
    "*": lambda left, right: left * right,
    "/": _divide,
}


def _quantile(q: float, buckets: Sequence[tuple[float, float]]) -> float | None:
    """From upper bounds with cumulative counts, ascending; as Prometheus does it."""
    if not buckets or not (count := buckets[-1][1]) > 0:
        return None
    rank, lower, below = q * count, 0.0, 0.0
    for bound, cumulative in buckets:
        if cumulative >= rank:
            if math.isinf(bound):
                return lower
            share = (rank - below) / (cumulative - below) if cumulative > below else 0.0
            return lower + (bound - lower) * share
        lower, below = bound, cumulative
    return lower


def _of(operand: Expression | float) -> Expression:
    return operand if isinstance(operand, Expression) else _Number(operand)


def _operand(expression: Expression, within: _Arithmetic) -> str:
    inside = expression.promql()
    weak = isinstance(expression, _Arithmetic) and (
        expression.operator in "+-" or (within.operator == "/" and expression is within.right)
    )
    return f"({inside})" if weak or isinstance(expression, _Or) else inside


def _labels(labels: Mapping[str, str], by: Sequence[str]) -> Labels:
    return frozenset((name, labels[name]) for name in by if name in labels)


def _matchers(where: Mapping[str, str] | None) -> tuple[tuple[str, str, str], ...]:
    return tuple(
        (name, "!~" if pattern.startswith("!") else "=~", pattern.removeprefix("!"))
        for name, pattern in (where or {}).items()
    )
