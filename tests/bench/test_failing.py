"""How long nothing was answered, from the times of the answers."""

import pytest
from bench.failing.run import longest_gap


@pytest.mark.parametrize(
    ("times", "gap"),
    [
        ([9.5, 10.5, 12, 19], 7),  # between two answers
        ([9.5, 13, 19], 6),
        ([1, 9, 14, 18], 5),  # what began before the fault counts from the last answer
        ([1, 4, 16, 19], 12),
        ([9, 12], 8),  # until the end
        ([], 10),
        ([9, 11, 25], 9),  # what came after the end does not count
    ],
)
def test_the_longest_gap_begins_with_the_last_answer_before_the_fault(
    times: list[float], gap: float
) -> None:
    assert longest_gap(times, began=10, ended=20) == gap
