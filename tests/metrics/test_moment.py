"""Times as they are typed."""

from datetime import UTC, datetime

import pytest

from skytier.errors import SkytierError
from skytier.moment import moment, period

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("now", "2026-03-02T12:00:00+00:00"),
        ("-90s", "2026-03-02T11:58:30+00:00"),
        ("-5m", "2026-03-02T11:55:00+00:00"),
        ("-24h", "2026-03-01T12:00:00+00:00"),
        ("-7d", "2026-02-23T12:00:00+00:00"),
        ("-1w", "2026-02-23T12:00:00+00:00"),
        ("2026-03-01", "2026-03-01T00:00:00+00:00"),
        ("2026-03-01T12:30", "2026-03-01T12:30:00+00:00"),
        ("2026-03-01 12:30:15", "2026-03-01T12:30:15+00:00"),
        ("2026-03-01T12:30Z", "2026-03-01T12:30:00+00:00"),
        ("2026-03-01T12:30+02:00", "2026-03-01T12:30:00+02:00"),
    ],
)
def test_a_time_is_absolute_or_back_from_now(text: str, expected: str) -> None:
    assert moment(text, NOW).isoformat() == expected


@pytest.mark.parametrize(
    "text",
    ["", "yesterday", "24h", "+1h", "-1y", "-h", "2026-13-01", "-99999999999w", "1772366400"],
)
def test_anything_else_is_refused_with_the_forms_that_are_known(text: str) -> None:
    with pytest.raises(SkytierError, match="is not a time") as refused:
        moment(text, NOW)
    assert "-24h" in str(refused.value.do)


def test_a_period_that_ends_before_it_begins_is_refused() -> None:
    with pytest.raises(SkytierError, match="ends before it begins"):
        period("now", "-1h")
    first, last = period("-2h", "-1h")
    assert (last - first).total_seconds() == 3600
