"""What a file with a dump is, and what of it psql is given."""

import gzip
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skytier.dump.file import recognise, sql
from skytier.errors import SkytierError

HERE = Path("shop.sql")
TAR = b"toc.dat".ljust(257, b"\0") + b"ustar" + bytes(250)


def written(directory: Path, content: bytes) -> Path:
    path = directory / "dump"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("content", "is_sql", "is_compressed"),
    [
        (b"PGDMP\x01\x0e", False, False),
        (TAR, False, False),
        (b"--\n-- PostgreSQL database dump\n", True, False),
        (b"\xef\xbb\xbfCREATE TABLE a (b text);", True, False),
        (gzip.compress(b"CREATE TABLE a ();"), True, True),
    ],
    ids=["custom", "tar", "sql of pg_dump", "sql", "gzip"],
)
def test_a_dump_is_recognised_by_how_it_begins(
    tmp_path: Path, content: bytes, is_sql: bool, is_compressed: bool
) -> None:
    dump = recognise(written(tmp_path, content))
    assert (dump.is_sql, dump.is_compressed) == (is_sql, is_compressed)
    assert dump.size == len(content)


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (b"", "is no dump"),
        (b"\n \n", "is no dump"),
        (b"SQLite format 3\0", "is no dump"),
        (gzip.compress(b"PGDMP\x01\x0e"), "compressed once more"),
        (gzip.compress(TAR), "compressed once more"),
        (gzip.compress(b"CREATE TABLE a ();" * 100)[:-20], "damaged or incomplete"),
        (b"\x1f\x8b\x08 no gzip at all", "damaged or incomplete"),
    ],
    ids=["nothing", "blanks", "sqlite", "custom in gzip", "tar in gzip", "cut gzip", "no gzip"],
)
def test_what_is_no_dump_is_refused(tmp_path: Path, content: bytes, named: str) -> None:
    path = written(tmp_path, content)
    with pytest.raises(SkytierError, match=named) as caught:
        list(recognise(path).chunks(lambda count: None))
    assert str(path) in caught.value.what


def test_a_file_that_is_not_there_or_no_file_is_named(tmp_path: Path) -> None:
    for path in (tmp_path / "no", tmp_path):
        with pytest.raises(SkytierError, match="cannot be read"):
            recognise(path)


def test_how_much_is_read_is_told(tmp_path: Path) -> None:
    dump = recognise(written(tmp_path, b"PGDMP" + bytes(200_000)))
    told: list[int] = []
    assert b"".join(dump.chunks(told.append)) == dump.path.read_bytes()
    assert told == sorted(told)
    assert told[-1] == dump.size


def sent(text: str) -> str:
    return b"".join(sql(io.BytesIO(text.encode()), HERE)).decode()


LEFT_OUT = (
    "BEGIN;\n",
    "COMMIT;\n",
    "\\restrict abc123\n",
    "\\unrestrict abc123\n",
    "SET transaction_timeout = 0;\n",
    "COMMENT ON EXTENSION citext IS 'no case';\n",
    "CREATE SCHEMA skytier_jobs;\n",
)
GOES_ON = {
    "rows": "COPY a (b) FROM stdin;\n{}\\N\t1\n\\.\n",
    "rows with other line ends": "COPY a FROM stdin;\r\n{}\\.\r\n",
    "a text": "INSERT INTO a VALUES ('it''s\n{}');\n",
    "a text with escapes": "INSERT INTO a VALUES (E'it\\'s\n{}');\n",
    "a body": "CREATE PROCEDURE p() LANGUAGE plpgsql AS $_$\nBEGIN\n'$$\n{}END\n$_$;\n",
    "a name": 'CREATE TABLE "a\n{}" ();\n',
    "a comment": "/* a /* nested */ one\n{}*/ SELECT 1;\n",
}


@pytest.mark.parametrize("line", LEFT_OUT)
def test_what_would_end_the_transaction_or_fail_is_left_out(line: str) -> None:
    assert sent(f"{line}SELECT 1;\n") == "SELECT 1;\n"
    # A comment in one line ends with it, and so do texts and names.
    assert sent(f"SELECT 'a', \"b'\", $$c'$$; -- it's\n{line}") == (
        "SELECT 'a', \"b'\", $$c'$$; -- it's\n"
    )


@pytest.mark.parametrize("line", LEFT_OUT)
@pytest.mark.parametrize("around", GOES_ON.values(), ids=GOES_ON.keys())
def test_data_and_bodies_are_passed_on_as_they_are(around: str, line: str) -> None:
    text = around.format(line)
    assert sent(text) == text
    # Afterwards the level of statements is known again.
    assert sent(f"{text}COMMIT;\n") == text


@given(st.lists(st.sampled_from([*GOES_ON.values(), "SELECT 1;\n", *LEFT_OUT])))
def test_any_order_of_these_is_told_apart(parts: list[str]) -> None:
    text = "".join(parts).replace("{}", "COMMIT;\n")
    kept = "".join(part.replace("{}", "COMMIT;\n") for part in parts if part not in LEFT_OUT)
    assert sent(text) == kept


def test_a_dump_of_pg_dump_has_to_have_its_end() -> None:
    head, end = "--\n-- PostgreSQL database dump\n--\n", "-- PostgreSQL database dump complete\n"
    assert sent(f"{head}SELECT 1;\n{end}") == f"{head}SELECT 1;\n{end}"
    for cut in (f"{head}SELECT 1;\n", f"{head}INSERT INTO a VALUES ('\n{end}');\n"):
        with pytest.raises(SkytierError, match="incomplete"):
            sent(cut)
