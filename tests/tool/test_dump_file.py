"""What a file with a dump is, and what of it psql is given."""

import gzip
import io
from pathlib import Path

import pytest

from skytier.dump.file import recognise, sql
from skytier.errors import SkytierError

HERE = Path("shop.sql")
TAR = b"toc.dat".ljust(257, b"\0") + b"ustar" + bytes(250)


def written(directory: Path, content: bytes) -> Path:
    path = directory / "dump"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("content", "is_archive", "is_compressed"),
    [
        (b"PGDMP\x01\x0e", True, False),
        (TAR, True, False),
        (b"--\n-- PostgreSQL database dump\n", False, False),
        (b"\xef\xbb\xbfCREATE TABLE a (b text);", False, False),
        (gzip.compress(b"CREATE TABLE a ();"), False, True),
    ],
)
def test_a_dump_is_recognised_by_how_it_begins(
    tmp_path: Path, content: bytes, is_archive: bool, is_compressed: bool
) -> None:
    dump = recognise(written(tmp_path, content))
    assert (dump.is_archive, dump.is_compressed) == (is_archive, is_compressed)
    assert dump.size == len(content)


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (b"", "is no dump"),
        (b"\n \n", "is no dump"),
        (b"SQLite format 3\0", "is no dump"),
        (gzip.compress(b"PGDMP\x01\x0e"), "compressed once more"),
        (gzip.compress(TAR), "compressed once more"),
        (gzip.compress(b"CREATE TABLE a ();" * 100)[:-20], "damaged or not whole"),
        (b"\x1f\x8b\x08 no gzip at all", "damaged or not whole"),
    ],
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


@pytest.mark.parametrize(
    "line", ["SET transaction_timeout = 0;", "COMMENT ON EXTENSION citext IS 'no case';"]
)
def test_what_an_application_s_role_or_an_older_postgresql_fails_at_is_left_out(line: str) -> None:
    assert sent(f"{line}\nSELECT 1;\n") == "SELECT 1;\n"
    rows = f"COPY a (b) FROM stdin;\n{line}\n\\.\n"
    assert sent(rows) == rows


@pytest.mark.parametrize(
    "text",
    [
        "\\restrict abc\nSELECT 1;\n\\unrestrict abc\n",
        # A row that begins with a null, or with a backslash.
        "COPY a (b) FROM stdin;\n\\N\t1\n\\\\connect\n\\.\nSELECT 1;\n",
        "COPY a FROM stdin;\r\n\\N\r\n\\.\r\nSELECT 1;\r\n",
        "SELECT 1; \\connect is a text here\n",
    ],
)
def test_rows_and_plain_sql_are_sent_as_they_are(text: str) -> None:
    assert sent(text) == text


@pytest.mark.parametrize(
    "line",
    ["\\connect other", "\\c", "\\! rm -rf /", "\\copy a from b", "\\i more.sql", "\\restrictx"],
)
def test_a_command_of_psql_is_refused(line: str) -> None:
    with pytest.raises(SkytierError, match=r"line 4: .* is a command of psql"):
        sent(f"COPY a FROM stdin;\n\\N\n\\.\n{line}\n")
