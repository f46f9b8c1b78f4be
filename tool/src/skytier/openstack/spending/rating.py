"""CloudKitty, where the catalog has it: its prices, and what it has charged. Only asks."""

import json
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from openstack.connection import Connection
from openstack.exceptions import NotFoundException, raise_from_response

from skytier.costs.cloudkitty import quotes
from skytier.costs.cloudkitty.hashmap import HashMap, adapted
from skytier.costs.cloudkitty.metrics import PERIOD_S, CloudKittyRates, price
from skytier.costs.cloudkitty.quotes import Question
from skytier.costs.cloudkitty.rated import Rated, rated, rated_v1
from skytier.openstack import catalog
from skytier.openstack.resources.errors import API_ERRORS

TIME = "%Y-%m-%dT%H:%M:%S"
LATELY = timedelta(days=40)
AT_ONCE = 8
PAGE = 1000
RULES = "/v1/rating/module_config/hashmap"
NOT_TOLD = (*API_ERRORS, ValueError, TypeError, LookupError, AttributeError, ArithmeticError)
"""Errors of the API, and what an answer leads to that is none of CloudKitty's: a proxy's page."""


def is_there(connection: Connection) -> bool:
    """Whether the catalog has it."""
    return bool(catalog.RATING & catalog.services(connection))


class CloudKitty:
    """The API of both versions, as a member of one project."""

    def __init__(self, connection: Connection) -> None:
        config = connection.config
        self._session, self._project = connection.session, connection.current_project_id or ""
        self._endpoint = {
            "service_type": "rating",
            "region_name": config.get_region_name("rating"),
            "interface": config.get_interface("rating"),
        }

    def units(self) -> dict[str, str]:
        """Every metric that is measured, with its unit. Raises what the SDK raises."""
        listed = self._get("/v1/info/metrics")["metrics"]
        return {str(each["metric_id"]): str(each["unit"]) for each in listed}

    def period_s(self) -> int:
        """For how long a price is; it is told nowhere but in the project's own rated data."""
        try:
            since = f"{datetime.now(UTC) - LATELY:{TIME}}+00:00"
            frames = self._get("/v2/dataframes", limit=1, begin=since)["dataframes"]
            period = frames[0]["period"]
            begin, end = (datetime.fromisoformat(period[at]) for at in ("begin", "end"))
        except NOT_TOLD:
            return PERIOD_S  # there is none yet
        return round((end - begin).total_seconds()) or PERIOD_S

    def quoted(self, asked: Sequence[Question]) -> dict[Question, Decimal]:
        """What each costs, by quotes. Raises what the SDK raises, at the first refusal already."""
        if not asked:
            return {}
        first = self._quote(asked[0])
        with ThreadPoolExecutor(AT_ONCE) as pool:
            return dict(zip(asked, [first, *pool.map(self._quote, asked[1:])], strict=True))

    def rules(self) -> HashMap:
        """The rules of the hashmap module, which most clouds keep from members of a project.

        Raises what the SDK raises.
        """
        services = self._get(f"{RULES}/services")["services"]
        # Without a filter the API lists none of these, and fails.
        of = [{"service_id": each["service_id"]} for each in services]
        fields = [found for each in of for found in self._get(f"{RULES}/fields", **each)["fields"]]
        of += [{"field_id": each["field_id"]} for each in fields]
        mappings, thresholds = (
            [found for each in of for found in self._get(f"{RULES}/{kind}", **each)[kind]]
            for kind in ("mappings", "thresholds")
        )
        return HashMap(services, fields, mappings, thresholds)

    def charged(self, times: Sequence[tuple[datetime, datetime]]) -> list[Rated]:
        """What was charged in each of the times, by resource where the storage knows resources.

        Version 1 is asked where there is no version 2. Raises what the SDK raises.
        """
        with ThreadPoolExecutor(AT_ONCE) as pool:
            return [each for rows in pool.map(self._charged, times) for each in rows]

    def _charged(self, time: tuple[datetime, datetime]) -> list[Rated]:
        begin, end = (f"{each.astimezone(UTC):{TIME}}" for each in time)
        span = {"begin": f"{begin}+00:00", "end": f"{end}+00:00"}
        asked: dict[str, Any] = {"groupby": ["type", "id"], "limit": PAGE, **span}
        # An administrator of the cloud would be told of all projects.
        asked["filters"] = f"project_id:{self._project}"
        found: list[Rated] = []
        try:
            for offset in range(0, 10**9, PAGE):
                page = self._get("/v2/summary", offset=offset, **asked)
                found += rated(page)
                if offset + PAGE >= page["total"]:
                    break
        except NotFoundException:
            asked = {"groupby": "res_type", "begin": begin, "end": end, "tenant_id": self._project}
            return rated_v1(self._get("/v1/report/summary", **asked))
        return found

    def _quote(self, question: Question) -> Decimal:
        response = self._session.post(
            "/v1/rating/quote",
            json=question.body(self._project),
            endpoint_filter=self._endpoint,
            raise_exc=False,
        )
        raise_from_response(response)
        return price(json.loads(response.text, parse_float=Decimal))

    def _get(self, path: str, **query: Any) -> Any:
        response = self._session.get(
            f"{path}?{urlencode(query, doseq=True)}" if query else path,
            endpoint_filter=self._endpoint,
            raise_exc=False,
        )
        raise_from_response(response)
        return json.loads(response.text, parse_float=Decimal)


def rates(
    connection: Connection, flavors: Iterable[Mapping[str, str]], currency: str
) -> tuple[CloudKittyRates | None, list[str]]:
    """CloudKitty's prices as a rate card for some flavors; and notes.

    Quotes come first: any member may ask for them, and they have every rating module in them. Where
    they are refused, the rules of the hashmap module are read. None where neither is told.
    """
    kitty, sizes = CloudKitty(connection), list(flavors)
    try:
        units, period_s = kitty.units(), kitty.period_s()
    except NOT_TOLD as error:
        return None, [f"CloudKitty does not tell its rates: {_said(error)}."]
    try:
        told = kitty.quoted(quotes.questions(units, sizes))
        return quotes.card(told, units, currency, period_s)
    except NOT_TOLD as error:
        refused = error
    try:
        names = {each.get("flavor_id", ""): each["flavor_name"] for each in sizes}
        project = connection.current_project_id or ""
        card = adapted(kitty.rules(), currency, names, project, units, period_s)
        notes = [f"CloudKitty has rules that are in no rate card: {', '.join(card.left_out)}."]
        return card.rates, notes if card.left_out else []
    except NOT_TOLD:
        return None, [f"CloudKitty does not tell its rates: {_said(refused)}."]


def _said(error: Exception) -> str:
    if isinstance(error, API_ERRORS):
        return str(error).rstrip(".")
    return "what answers does not answer as CloudKitty does"
