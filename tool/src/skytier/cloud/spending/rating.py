"""CloudKitty, where the catalog has it: what the cloud itself has charged."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from urllib.parse import urlencode

from openstack.connection import Connection
from openstack.exceptions import raise_from_response

from skytier.cloud import catalog
from skytier.costs.cloudkitty import Rated, rated
from skytier.resources.errors import API_ERRORS

TIME = "%Y-%m-%dT%H:%M:%S"


def charged(
    connection: Connection, start: datetime, end: datetime
) -> tuple[list[Rated] | None, list[str]]:
    """What CloudKitty charged the project from start to end, by kind; and notes.

    None where there is no CloudKitty, or it does not tell: a note says why.
    """
    if not catalog.RATING & catalog.services(connection):
        return None, []
    try:
        return _summary(connection, start, end), []
    except API_ERRORS as error:
        return None, [f"CloudKitty does not tell what it charged: {error}"]


def _summary(connection: Connection, start: datetime, end: datetime) -> list[Rated]:
    asked = {
        "begin": f"{start.astimezone(UTC):{TIME}}+00:00",
        "end": f"{end.astimezone(UTC):{TIME}}+00:00",
        "groupby": "type",
        "filters": f"project_id:{connection.current_project_id}",
    }
    response = connection.session.get(
        f"/v2/summary?{urlencode(asked)}",
        endpoint_filter={"service_type": "rating"},
        raise_exc=False,
    )
    raise_from_response(response)
    return rated(json.loads(response.text, parse_float=Decimal))
