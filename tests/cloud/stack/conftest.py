"""What the tests of stacks on the devcloud share."""

import secrets
from collections.abc import Callable, Iterator

import pytest

from skytier.poll import until

from .account import Account, Operator, delete_account, make_account
from .test_resources import taken_down


@pytest.fixture(scope="session")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    """A project that has nothing, and has nothing again at the end."""
    account = make_account(tmp_path_factory.mktemp("account"))
    before = account.count()
    yield account
    # What is deleted is listed a moment longer.
    until(lambda: account.count() == before, 60, 1)
    assert account.count() == before
    delete_account(account)


@pytest.fixture(scope="session")
def make_operator(
    account: Account, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[], Operator]:
    """Makes operators at machines of their own."""
    return lambda: Operator(tmp_path_factory.mktemp("operator"), account.clouds)


@pytest.fixture(scope="module")
def operator(make_operator: Callable[[], Operator]) -> Operator:
    """The one operator of a module."""
    return make_operator()


@pytest.fixture
def stack(account: Account, operator: Operator) -> Iterator[str]:
    """A name for a stack; the project is as it was when the test ends."""
    with taken_down(account, operator) as name:
        yield name


@pytest.fixture(scope="module")
def name() -> str:
    """A stack's name that no other module has."""
    return f"t{secrets.token_hex(3)}"
