"""Times as they are typed: exactly the forms that the message names."""

import re
from datetime import UTC, date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skytier.errors import SkytierError
from skytier.moment import FORMS, moment, period

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("now", "2026-03-02T12:00:00+00:00"),
        ("-90s", "2026-03-02T11:58:30+00:00"),
        ("-5m", "2026-03-02T11:55:00+00:00"),
        ("-24h", "2026-03-01T12:00:00+00:00"),
        ("-7d", "2026-02-23T12:00:00+00:00"),
        ("-1w", "2026-02-23T12:00:00+00:00"),
        ("2026-03", "2026-03-01T00:00:00+00:00"),
        ("2026-03-01", "2026-03-01T00:00:00+00:00"),
        ("2026-03-01T12:30", "2026-03-01T12:30:00+00:00"),
        ("2026-03-01T12:30:15", "2026-03-01T12:30:15+00:00"),
        ("2026-03-01T12:30:15.250Z", "2026-03-01T12:30:15.250000+00:00"),
        ("2026-03-01T12:30Z", "2026-03-01T12:30:00+00:00"),
        ("2026-03-01T12:30+02:00", "2026-03-01T10:30:00+00:00"),
    ],
)
def test_a_time_is_absolute_or_back_from_now(text: str, expected: str) -> None:
    assert moment(text, NOW).isoformat() == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-03", "2026-02-28T23:00:00+00:00"),
        ("2026-07-01", "2026-06-30T22:00:00+00:00"),
        ("2026-07-01T12:30", "2026-07-01T10:30:00+00:00"),
        ("2026-01-01T12:30", "2026-01-01T11:30:00+00:00"),
        ("2026-01-01T12:30Z", "2026-01-01T12:30:00+00:00"),
        ("2026-10-25T02:30", "2026-10-25T00:30:00+00:00"),  # comes twice
        ("2026-03-29T02:30", "2026-03-29T01:30:00+00:00"),  # is skipped: 03:30
        ("-1h", "2026-03-02T11:00:00+00:00"),
    ],
)
def test_what_says_no_zone_is_in_the_operators(text: str, expected: str) -> None:
    assert moment(text, NOW, BERLIN).isoformat() == expected


OTHERS = [
    *("", "yesterday", "24h", "+1h", "-1y", "-h", "-1.5h", "- 1h", "-1H", "-1 h", "NOW", " now"),
    *("2026-13-01", "2026-13", "2026-02-30", "2026-00", "-99999999999w", "1772366400", "2026"),
    *("20260331", "202603", "2026-3-1", "2026-W10", "2026W10", "2026-W10-1", "2026-090", "2026-1"),
    *("2026-03-01T12", "2026-03-01T1230", "20260301T1230", "2026-03-01T24:00:01", "12:30"),
    *("2026-03-01T12:60", "2026-03-01T12:30+2", "2026-03-01T12:30+0200", "2026-03-01T12:30z"),
    *("2026-03-01 12:30", "2026-03-01t12:30", "2026-03-01T12:30 Europe/Berlin", "2026-03-01\n"),
    *(
        "\uff12\uff10\uff12\uff16-03-01",
        "2026-03-01T12:30:15,5",
        "2026-03-01T12:30:15.",
        "9999-12-32",
        "0000-01",
    ),
]


@pytest.mark.parametrize("text", OTHERS)
def test_anything_else_is_refused_with_the_forms_that_are_known(text: str) -> None:
    for read in (moment, lambda text, now: period(text, text, now=now)):
        with pytest.raises(SkytierError, match="is not a time") as refused:
            read(text, NOW)
        assert refused.value.do == FORMS


def test_each_form_that_the_message_names_is_taken() -> None:
    named = re.findall(r"\(([^)]*)\)", FORMS)
    examples = re.findall(r"-?[0-9][0-9T:smhdw-]*", ", ".join(named).replace("+02:00", ""))
    assert len(examples) == 8
    for text in [*examples, "now", "2026-03-01T12:30:15Z", "2026-03-01T12:30+02:00"]:
        moment(text, NOW)


FORM = re.compile(
    r"[0-9]{4}-[0-9]{2}(-[0-9]{2}(T[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]+)?)?"
    r"(Z|[+-][0-9]{2}:[0-9]{2})?)?)?|-[0-9]+[smhdw]|now"
)


@given(
    st.text(alphabet="0123456789-+:TWZ.smhdnow ", max_size=20)
    | st.text(max_size=12)
    | st.from_regex(r"\A[0-9]{2,4}-?W?[0-9]{1,3}-?[0-9]{0,2}T?[0-9:]{0,8}\Z")
)
def test_no_text_is_read_that_has_no_known_form(text: str) -> None:
    try:
        moment(text, NOW, BERLIN)
    except SkytierError:
        return
    assert FORM.fullmatch(text)


ZONES = st.sampled_from(
    [
        "UTC",
        "Europe/Berlin",
        "America/New_York",
        "Asia/Kolkata",
        "Pacific/Apia",
        "America/Sao_Paulo",
    ]
).map(ZoneInfo)
BOUNDS = datetime(1990, 1, 1), datetime(2037, 1, 1)  # noqa: DTZ001  # naive, as typed
DAYS = st.dates(date(1990, 1, 1), date(2037, 12, 30))


@given(st.datetimes(*BOUNDS), ZONES, st.integers(-840, 840))
def test_a_time_is_read_as_it_was_written(at: datetime, zone: ZoneInfo, minutes: int) -> None:
    offset = timezone(timedelta(minutes=minutes))
    for own, written in (
        (zone, at.isoformat()),
        (offset, at.replace(tzinfo=offset).isoformat()),
        (UTC, f"{at.isoformat()}Z"),
    ):
        assert moment(written, NOW, zone) == at.replace(tzinfo=own).astimezone(UTC)


@given(DAYS, ZONES)
def test_a_day_as_the_end_is_all_of_it_and_the_next_begins_there(day: date, zone: ZoneInfo) -> None:
    now, after = datetime(2040, 1, 1, tzinfo=UTC), day + timedelta(days=1)
    if moment(str(day), now, zone) == moment(str(after), now, zone):
        return  # Apia left out a day of 2011
    first, last = period(str(day), str(day), zone, now)

    assert (first, last) == (moment(str(day), now, zone), moment(str(after), now, zone))
    assert period(f"{day:%Y-%m}", str(day), zone, now)[1] == last
    # A second before its end it is still that day there.
    assert (last - timedelta(seconds=1)).astimezone(zone).date() <= day


@given(DAYS)
def test_a_month_as_the_end_is_all_of_it(day: date) -> None:
    month, now = f"{day:%Y-%m}", datetime(2040, 1, 1, tzinfo=UTC)
    following = (day.replace(day=1) + timedelta(days=32)).replace(day=1)
    assert period(month, month, BERLIN, now) == (
        moment(month, now, BERLIN),
        moment(str(following), now, BERLIN),
    )


def test_a_period_that_is_none_is_refused_and_what_lies_ahead_is_cut_off() -> None:
    with pytest.raises(SkytierError, match="ends before it begins"):
        period("now", "-1h")
    with pytest.raises(SkytierError, match="lies ahead"):
        period("2026-04", "2026-04", now=NOW)
    first, last = period("-2h", "-1h")
    assert (last - first).total_seconds() == 3600
    assert period("2026-03", "2026-03", now=NOW)[1] == NOW
