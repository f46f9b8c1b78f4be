"""The settings of the application.

Plain settings come from environment variables with the prefix `SKYTIER_`. Secrets come from
files in `SKYTIER_SECRETS_DIR`, or in systemd's `CREDENTIALS_DIRECTORY`: a file is named for its
variable in lower case, so that no secret needs to stand in an environment or a command line.
"""

import os
from datetime import timedelta
from functools import cache
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path

from pydantic import Field, SecretStr, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

LOOPBACK: list[IPv4Network | IPv6Network] = [ip_network("127.0.0.0/8"), ip_network("::1/128")]
_SCHEMES = {
    "database_url": ("postgresql://", "postgres://"),
    "database_replica_url": ("postgresql://", "postgres://"),
    "redis_url": ("redis://", "rediss://", "unix://"),
}


class Settings(BaseSettings):
    """Every setting, its default and its unit."""

    model_config = SettingsConfigDict(env_prefix="SKYTIER_", extra="ignore")

    database_url: SecretStr
    """`postgresql://user:password@host/name`; `?host=/directory` for a unix socket."""
    database_replica_url: SecretStr | None = None
    """A replica of it, in the same form: visitors who are not signed in read there."""
    replica_lag_s: float = Field(default=1, gt=0)
    """How far behind the primary a replica may be. One that is further behind is not asked."""
    redis_url: SecretStr | None = None
    """`redis://host:6379/0`, for rate limits. Without it they are counted in PostgreSQL."""

    uds: Path | None = None
    """A unix socket to listen on instead of host and port. Its clients are taken for the proxy:
    their `X-Forwarded-*` headers are trusted."""
    uds_group: str | None = None
    """The group that may connect to it, besides the user of this process."""
    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=1, le=65535)
    workers: int = Field(default=2, ge=1, le=64)
    trusted_proxies: str = ""
    """Addresses whose `X-Forwarded-*` headers are trusted too, separated by commas."""
    graceful_shutdown_s: int = Field(default=30, ge=1)

    pool_size: int = Field(default=10, ge=1, le=200)
    """The most database connections that one worker holds."""
    pool_wait_s: float = Field(default=5, gt=0)
    """How long a request waits for a connection before it is answered with 503."""
    statement_timeout_s: float = Field(default=10, gt=0)

    session_days: int = Field(default=14, ge=1)
    failed_sign_ins_per_minute: int = Field(default=30, ge=1)
    """Wrong passwords that one address may send in a minute; right ones do not count. The same
    limit holds for one account that confirms a change, from all addresses together."""
    passwords_per_minute: int = Field(default=60, ge=1)
    """Right passwords that one account may send in a minute, to sign in or to confirm."""
    registrations_per_minute: int = Field(default=60, ge=1)
    """Registrations that one address may make in a minute."""
    posts_per_minute: int = Field(default=600, ge=1)
    """Posts that one account may write, change and delete in a minute, in each worker."""
    accounts_per_address: int = Field(default=20, ge=1)
    """One address may send as many passwords, and write as many posts, as this many accounts."""
    sessions_per_account: int = Field(default=100, ge=1)
    """A further session ends the oldest one."""
    tokens_per_account: int = Field(default=100, ge=1)
    security_log_days: int = Field(default=90, ge=1)
    """How long an entry of an account's security log is kept."""

    release: str = ""
    """The id of the running release, for the monitor."""
    metrics_dir: Path | None = None
    """Where the workers keep their counters, so that /metrics shows the sum of all of them."""
    metrics_from: list[IPv4Network | IPv6Network] = LOOPBACK
    """Networks that may read /metrics."""

    @property
    def security_log_kept(self) -> timedelta:
        """How long an entry of a security log is kept."""
        return timedelta(days=self.security_log_days)

    @field_validator("database_url", "database_replica_url", "redis_url")
    @classmethod
    def _is_url(cls, value: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        if value is None:
            return None
        url = value.get_secret_value().strip()  # a file ends with a line break
        schemes = _SCHEMES[info.field_name or ""]
        if not url.startswith(schemes):
            raise ValueError(f"has to begin with {' or '.join(schemes)}")
        return SecretStr(url)


@cache
def get_settings() -> Settings:
    """The settings of this process, read once.

    Raises pydantic.ValidationError when one is missing or wrong.
    """
    directory = os.environ.get("SKYTIER_SECRETS_DIR") or os.environ.get("CREDENTIALS_DIRECTORY")
    return Settings(_secrets_dir=directory)  # type: ignore[call-arg]  # database_url comes from outside
