"""One password is one, whatever the keyboard sends for it."""

import unicodedata

import httpx
import pytest
from argon2 import PasswordHasher
from hypothesis import given
from hypothesis import strategies as st

from skytier_app import passwords
from skytier_app.passwords import hash_password, password_forms, verify_password

from .conftest import register, sign_in

COMPOSED = unicodedata.normalize("NFC", "un mot de passé très privé")
DECOMPOSED = unicodedata.normalize("NFD", COMPOSED)
WIDE = "\uff50\uff41\uff53\uff53 \ufb01ve"


@pytest.mark.parametrize(
    ("password", "forms"),
    [
        ("a long and private sentence", ["a long and private sentence"]),
        (COMPOSED, [COMPOSED, DECOMPOSED]),
        (DECOMPOSED, [COMPOSED, DECOMPOSED]),
        (WIDE, ["pass five", WIDE]),
        ("\u212b\u212b\u212b\u212b", ["Å" * 4, "\u212b" * 4, "A\u030a" * 4]),
        ("", [""]),
    ],
)
def test_the_texts_that_a_hash_may_be_made_from(password: str, forms: list[str]) -> None:
    assert password_forms(password) == forms


@given(st.text())
def test_however_it_is_typed_the_first_form_is_the_same(password: str) -> None:
    first, *_ = password_forms(password)
    for kind in ("NFC", "NFD", "NFKC", "NFKD"):
        assert password_forms(unicodedata.normalize(kind, password))[0] == first
    assert password in password_forms(password)
    assert len(password_forms(password)) <= 4
    assert not password.isascii() or password_forms(password) == [password]


@pytest.fixture(autouse=True)
def quick_hashes() -> None:
    """None here: these hashes are the application's own."""


async def test_a_hash_costs_what_rfc_9106_recommends_with_little_memory() -> None:
    assert (await hash_password("a")).startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert passwords._of_nobody().startswith("$argon2id$v=19$m=65536,t=3,p=4$")


async def test_a_password_composed_and_decomposed_is_one() -> None:
    hashed = await hash_password(DECOMPOSED)
    assert PasswordHasher().verify(hashed, COMPOSED)
    assert await verify_password(hashed, COMPOSED)
    assert await verify_password(hashed, DECOMPOSED)
    assert not await verify_password(hashed, COMPOSED.replace("é", "e"))
    assert not await verify_password(None, COMPOSED)
    assert not await verify_password("!", COMPOSED)


@pytest.mark.parametrize(
    ("stored", "typed"),
    [(COMPOSED, DECOMPOSED), (DECOMPOSED, COMPOSED), (DECOMPOSED, DECOMPOSED), (WIDE, WIDE)],
)
async def test_an_account_whose_hash_an_older_release_made_gets_in_and_can_go_back(
    client: httpx.AsyncClient, sql, stored: str, typed: str
) -> None:
    await register(client, "ada")
    held = PasswordHasher().hash(stored)
    await sql.execute("UPDATE users SET password_hash = $1", held)
    await sign_in(client, "ada", typed)
    # Unchanged, so that the older release still knows the password after a rollback.
    assert await sql.fetchval("SELECT password_hash FROM users") == held
