"""The product's statements, as pgbench takes them."""

from bench.speed.pgbench import for_one


def test_arrays_of_those_who_ask_at_once_become_one_element() -> None:
    many = "SELECT unnest($1::bigint[], $2::text[]) FROM users WHERE id = ANY($1) LIMIT $3"

    assert for_one(many) == (
        "SELECT unnest(ARRAY[$1]::bigint[], ARRAY[$2]::text[]) FROM users "
        "WHERE id = ANY(ARRAY[$1]::bigint[]) LIMIT $3"
    )


def test_a_statement_for_one_stays_as_it_is() -> None:
    one = "SELECT title FROM posts WHERE id = $1"

    assert for_one(one) == one
