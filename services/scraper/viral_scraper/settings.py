"""Define the scraper's own settings."""

from __future__ import annotations

from datetime import date
from typing import ClassVar

from pydantic import Field, SecretStr, field_validator
from viral_common.ray_cluster import RaySettings
from viral_common.settings import SettingsWithSecrets

from viral_scraper.daily import Daily

# Trainings read the last week's batches; no tweet of those is ever dropped.
SHORTEST_RETENTION_DAYS = 31
SHORTEST_KEY = 32  # characters, so that nobody tries them all


class SourceSettings(SettingsWithSecrets):
    """A source's own section, in its own file: `class XSettings(SourceSettings, env_prefix="VIRAL_X_")`."""

    account: ClassVar[str] = "scraper"


class ScraperSettings(RaySettings):
    """Which source to collect from, and how much at a time."""

    account: ClassVar[str] = "scraper"
    usual_health_port: ClassVar[int] = 8101

    source: str = Field(
        default="simulated",
        description="Where tweets come from: archive, bluesky, mastodon, simulated, twint or x",
    )
    query: str = Field(
        default="",
        description="What to search for; archives and simulations only file their batches under it",
    )
    batch_size: int = Field(default=50_000, gt=0, description="Tweets kept per batch, after the filters")
    collect_at: str = Field(
        default="",
        description="Time of the daily run, such as 05:00 or 05:00 Europe/Berlin (else UTC); empty: all the time",
    )
    collect_jitter_s: float = Field(
        default=0, ge=0, description="A daily run begins up to so much later, drawn anew each day"
    )
    batch_pause_s: float = Field(default=0, ge=0, description="Pause between two batches")
    poll_s: float = Field(default=60, gt=0, description="How often an exhausted source is asked again")

    retention_days: int = Field(
        default=0,
        ge=0,
        description="Months of tweets posted and collected longer ago are dropped; 0: none, else 31 or more",
    )
    forget_key: SecretStr | None = Field(
        default=None,
        description="Secret that forgotten names are hashed with, 32 characters or more: openssl rand -hex 32",
    )

    archive_paths: str = Field(
        default="", description="Files of tweets, globs or folders, separated by commas or colons"
    )

    simulation_seed: int = Field(default=1, ge=0, description="Another seed, another invented world")
    simulation_start: date | None = Field(
        default=None, description="First simulated day (UTC); empty: so that the days end yesterday"
    )
    simulation_days: int = Field(default=4, ge=1, description="Simulated days, one batch each")

    @field_validator("collect_at")
    @classmethod
    def _check_time_of_day(cls, value: str) -> str:
        if value:
            Daily(value)
        return value

    @field_validator("forget_key")
    @classmethod
    def _check_forget_key(cls, value: SecretStr | None) -> SecretStr | None:
        if value is None or not value.get_secret_value().strip():
            return None
        if len(value.get_secret_value()) < SHORTEST_KEY:
            raise ValueError(f"at least {SHORTEST_KEY} characters; make one with: openssl rand -hex 32")
        return value

    @field_validator("retention_days")
    @classmethod
    def _check_retention(cls, value: int) -> int:
        if 0 < value < SHORTEST_RETENTION_DAYS:
            raise ValueError(f"at least {SHORTEST_RETENTION_DAYS} days, or 0 to keep all tweets")
        return value

    @property
    def daily(self) -> Daily | None:
        """None: batches are collected all the time."""
        return Daily(self.collect_at, self.collect_jitter_s) if self.collect_at else None
