"""When two answers say the same."""

import json

from bench.speed.answers import meaning
from bench.speed.server import Answer

POST = {"id": 7, "title": "On engines", "created_at": "2026-11-24T10:00:00.5Z"}


def answer(content: object, status: int = 200, link: str | None = None) -> Answer:
    return Answer(status, json.dumps(content).encode(), link)


def test_the_form_of_a_time_and_the_order_of_fields_do_not_matter() -> None:
    other = {"created_at": "2026-11-24T10:00:00.500000+00:00", "title": "On engines", "id": 7}

    assert meaning(answer([POST]), "list") == meaning(answer([other]), "list")


def test_another_time_another_value_or_another_next_page_do() -> None:
    mine = meaning(answer([POST], link="</a>"), "list")

    assert mine != meaning(answer([{**POST, "created_at": "2026-11-24T10:00:00Z"}]), "list")
    assert mine != meaning(answer([{**POST, "title": "On looms"}], link="</a>"), "list")
    assert mine != meaning(answer([POST], link="</b>"), "list")


def test_posts_made_alike_differ_in_id_and_times_only() -> None:
    other = {**POST, "id": 8, "created_at": "2026-11-25T10:00:00Z"}

    assert meaning(answer(POST, 201), "create") == meaning(answer(other, 201), "create")
    assert meaning(answer(POST), "one") != meaning(answer(other), "one")


def test_an_error_is_no_answer() -> None:
    assert meaning(answer(POST), "one") != meaning(answer(POST, 500), "one")
