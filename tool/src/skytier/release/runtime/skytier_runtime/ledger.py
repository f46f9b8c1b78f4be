"""Who runs a job at which time: a row for each in PostgreSQL, in the schema `skytier_jobs`.

The row of a job and a time is made once, so of several machines one runs it. Whoever runs a job
says again and again that it still does; a run that has said nothing for LOST_S is lost.
"""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from skytier_runtime import psql

SEEN_EVERY_S = 20
LOST_S = 90
KEPT = 1000
"""The last runs of a job that are kept."""

_TABLE = """
SET client_min_messages = warning;
SELECT to_regclass('skytier_jobs.runs') IS NULL AS missing \\gset
\\if :missing
BEGIN;
SELECT pg_advisory_xact_lock(hashtext('skytier_jobs')) \\g /dev/null
CREATE SCHEMA IF NOT EXISTS skytier_jobs;
CREATE TABLE IF NOT EXISTS skytier_jobs.runs (
    job text NOT NULL,
    due timestamptz NOT NULL,
    state text NOT NULL CHECK (state IN ('running', 'ended', 'skipped')),
    manual boolean NOT NULL,
    host text NOT NULL,
    release text NOT NULL,
    began timestamptz NOT NULL,
    seen timestamptz NOT NULL,
    ended timestamptz,
    exit_code integer,
    PRIMARY KEY (job, due)
);
COMMIT;
\\endif
"""
# The lock is for the time of this transaction: two times of one job are decided one after another.
_CLAIM = """
BEGIN;
SELECT pg_advisory_xact_lock(hashtext('skytier_jobs'), hashtext(:'job')) \\g /dev/null
WITH other AS (
    SELECT host, began FROM skytier_jobs.runs
    WHERE job = :'job' AND due <> :'due' AND state = 'running'
        AND seen > clock_timestamp() - :lost_s * interval '1 second'
    LIMIT 1
), made AS (
    INSERT INTO skytier_jobs.runs (job, due, state, manual, host, release, began, seen)
    SELECT :'job', :'due', CASE WHEN EXISTS (TABLE other) THEN 'skipped' ELSE 'running' END,
        :'manual', :'host', :'release', clock_timestamp(), clock_timestamp()
    WHERE NOT (:'manual'::boolean AND EXISTS (TABLE other))
    ON CONFLICT DO NOTHING
    RETURNING state
)
SELECT json_build_object('state', (SELECT state FROM made), 'other', (SELECT host FROM other));
COMMIT;
"""
_SEEN = """
UPDATE skytier_jobs.runs SET seen = clock_timestamp() WHERE job = :'job' AND due = :'due';
"""
_END = """
BEGIN;
UPDATE skytier_jobs.runs SET state = 'ended', ended = clock_timestamp(), exit_code = :'code'
WHERE job = :'job' AND due = :'due';
INSERT INTO skytier_jobs.runs (job, due, state, manual, host, release, began, seen)
SELECT :'job', :'missed', 'skipped', false, host, release, clock_timestamp(), clock_timestamp()
FROM skytier_jobs.runs WHERE job = :'job' AND due = :'due' AND :'missed' <> :'due'
ON CONFLICT DO NOTHING;
DELETE FROM skytier_jobs.runs WHERE job = :'job' AND due < (
    SELECT due FROM skytier_jobs.runs WHERE job = :'job' ORDER BY due DESC OFFSET :kept LIMIT 1
);
COMMIT;
"""
_LAST = """
SELECT to_regclass('skytier_jobs.runs') IS NOT NULL AS there \\gset
\\if :there
SELECT json_agg(each) FROM (
    SELECT DISTINCT ON (job) job, host, release, exit_code,
        CASE WHEN state = 'running' AND seen < clock_timestamp() - :lost_s * interval '1 second'
            THEN 'lost' ELSE state END AS state,
        extract(epoch FROM began)::float8 AS began,
        extract(epoch FROM coalesce(ended, clock_timestamp()) - began)::float8 AS seconds,
        (SELECT extract(epoch FROM max(ended))::float8 FROM skytier_jobs.runs good
            WHERE good.job = runs.job AND exit_code = 0) AS last_success,
        (SELECT extract(epoch FROM max(due))::float8 FROM skytier_jobs.runs missed
            WHERE missed.job = runs.job AND missed.state = 'skipped') AS skipped
    FROM skytier_jobs.runs WHERE state <> 'skipped' ORDER BY job, began DESC
) each;
\\endif
"""


@dataclass(frozen=True)
class Run:
    """A run of a job, on this machine."""

    url: str
    """Of the database."""
    job: str
    due: datetime
    """When it should begin."""
    manual: bool
    host: str
    release: str

    def claim(self) -> tuple[str | None, str | None]:
        """Take it. Returns its state, and the host on which an earlier run goes on.

        The state is `running` when it is ours, `skipped` when an earlier run goes on, and None when
        another machine has it. Raises PsqlError.
        """
        more = {"manual": self.manual, "host": self.host, "release": self.release}
        answer = json.loads(self._psql(_TABLE + _CLAIM, lost_s=LOST_S, **more))
        return answer["state"], answer["other"]

    def seen(self) -> None:
        """Say that it goes on. Raises PsqlError."""
        self._psql(_SEEN)

    def end(self, code: int, missed: datetime | None) -> None:
        """Say how it ended, and the last time that was skipped meanwhile. Raises PsqlError."""
        self._psql(_END, code=code, kept=KEPT, missed=(missed or self.due).isoformat())

    def _psql(self, statements: str, **more: object) -> str:
        return psql.run(self.url, statements, job=self.job, due=self.due.isoformat(), **more)


def last(url: str) -> list[dict[str, Any]]:
    """The last run of each job that ever ran. Raises PsqlError.

    `began`, `last_success` and `skipped` are seconds since 1970, `seconds` is its duration so far.
    """
    said = psql.run(url, _LAST, lost_s=LOST_S)
    found: list[dict[str, Any]] = json.loads(said) if said else []
    return found
