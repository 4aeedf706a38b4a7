"""The scraper's own settings."""

from __future__ import annotations

from datetime import date

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict
from viral_common.settings import CommonSettings


class SourceSettings(BaseSettings):
    """A source's own section, in its own file: `class XSettings(SourceSettings, env_prefix="VIRAL_X_")`."""

    model_config = SettingsConfigDict(env_file=CommonSettings.model_config["env_file"], extra="ignore")


class ScraperSettings(CommonSettings):
    """Which source to collect from, and how much at a time."""

    source: str = Field(
        default="simulated",
        description="Where tweets come from: archive, bluesky, mastodon, simulated, twint or x",
    )
    query: str = Field(
        default="",
        description="What to search for; archives and simulations only file their batches under it",
    )
    batch_size: int = Field(default=50_000, gt=0, description="Tweets kept per batch, after the filters")
    batch_pause_s: float = Field(default=0, ge=0, description="Pause between two batches")
    poll_s: float = Field(default=60, gt=0, description="How often an exhausted source is asked again")

    archive_paths: str = Field(
        default="", description="Twint files, globs or folders, separated by commas or colons"
    )

    simulation_seed: int = Field(default=1, ge=0, description="Another seed, another invented world")
    simulation_start: date | None = Field(
        default=None, description="First simulated day (UTC); empty: so that the days end yesterday"
    )
    simulation_days: int = Field(default=4, ge=1, description="Simulated days, one batch each")
