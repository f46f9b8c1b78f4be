"""The checks of a machine, asked in one go."""

import subprocess

from skytier.deploy import checks
from skytier.services.setup import Check


class Here:
    """Runs scripts on this machine."""

    name = "shop-web-1"

    def run(self, script: str, stdin: bytes | None = None) -> str:
        return subprocess.run(
            ["bash", "-c", script], input=stdin, check=True, stdout=subprocess.PIPE
        ).stdout.decode()


def failing(*scripts: str) -> dict[str, str]:
    asked = [Check(str(number), script) for number, script in enumerate(scripts)]
    return checks.failing(Here(), asked)


def test_only_those_that_fail_are_told_with_what_they_said() -> None:
    assert failing("echo fine", "echo 'It is down.'; echo why >&2; exit 1", "exit 1") == {
        "1": "It is down.\nwhy",
        "2": "it fails without a word",
    }


def test_a_check_goes_on_after_a_question_that_is_answered_with_no() -> None:
    assert failing('state=$(false); echo "It is not."; exit 1') == {"0": "It is not."}
