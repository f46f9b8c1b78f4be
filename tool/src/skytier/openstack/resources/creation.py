"""Making something once, even when the cloud's answer is lost on its way."""

import time
from dataclasses import replace

from keystoneauth1.exceptions import ConnectionError as NoAnswer
from openstack.exceptions import HttpException

from skytier.deploy.apply import Calls
from skytier.deploy.kind import Found, Kind, Known, Tell, Wanted
from skytier.openstack.resources.errors import API_ERRORS, explained

ATTEMPTS = 5
AMBIGUOUS = frozenset({500, 502, 503, 504})
"""Answers that do not say whether it was done."""


def create_once(kind: Kind, wanted: Wanted, known: Known, first_wait_s: float = 1.0) -> Found:
    """Create it. After an answer that leaves it open, look for it before another attempt.

    The wait before each look doubles, so that a slow cloud has had the time to finish.
    """
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return kind.create(wanted, known)
        except API_ERRORS as error:
            if attempt == ATTEMPTS or not is_ambiguous(error):
                raise
        time.sleep(first_wait_s * 2 ** (attempt - 1))
        there = [found for found in kind.find() if found.key == wanted.key and not found.fault]
        if there:
            return min(there, key=lambda found: (found.created_at, found.id))
    raise AssertionError("unreachable")


def reconcile_patiently(
    kind: Kind, wanted: Wanted, found: Found, known: Known, tell: Tell, first_wait_s: float = 1.0
) -> Found:
    """Settle it, and once more after an answer that leaves open what was done: it looks first."""
    for attempt in range(1, ATTEMPTS):
        try:
            return kind.reconcile(wanted, found, known, tell)
        except API_ERRORS as error:
            if not is_ambiguous(error):
                raise
        found = replace(found, answer=None)
        time.sleep(first_wait_s * 2 ** (attempt - 1))
    return kind.reconcile(wanted, found, known, tell)


def is_ambiguous(error: Exception) -> bool:
    """Whether an error of the API leaves open what was done."""
    if isinstance(error, HttpException):
        return error.status_code in AMBIGUOUS
    return isinstance(error, NoAnswer)


class RepeatedCalls(Calls):
    """Calls of OpenStack's API: repeated where their answer was lost, and explained."""

    def create(self, kind: Kind, wanted: Wanted, known: Known) -> Found:
        """Create it once, even when the answer is lost."""
        return create_once(kind, wanted, known)

    def reconcile(
        self, kind: Kind, wanted: Wanted, found: Found, known: Known, tell: Tell
    ) -> Found:
        """Reconcile it, and again after an answer that leaves open what was done."""
        return reconcile_patiently(kind, wanted, found, known, tell)

    def explained(self, what: str, error: BaseException) -> BaseException:
        """What an error of the API means to an operator; any other one stays as it is."""
        return explained(what, error) if isinstance(error, API_ERRORS) else error
