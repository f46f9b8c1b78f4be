"""When Python looks for garbage in the process of the tests.

What collection makes, modules and items, lives to the end. Python would look through all of it
again and again, which took a third of the time of collection.
"""

import gc
from collections.abc import Generator

import pytest


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection() -> Generator[None, object, object]:
    """Look for none meanwhile, and leave out what is there then from each later look."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()
