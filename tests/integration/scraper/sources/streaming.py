"""Listen to a Jetstream server until it is killed: `python -m … DATABASE_URL JETSTREAM_URL`."""

from __future__ import annotations

import sys
import threading

from viral_common.database.engine import connect, make_sessions
from viral_common.settings import CommonSettings
from viral_scraper.sources.bluesky.source import BlueskySource
from viral_scraper.sources.bluesky.stream import Pace

from tests.integration.scraper.sources.expected_posts import MIN_AGE

if __name__ == "__main__":
    settings = {"database_url": sys.argv[1], "rabbitmq_url": "amqp://nobody:none@127.0.0.1/"}
    engine = connect(CommonSettings.model_validate(settings), "listening")
    BlueskySource(make_sessions(engine), sys.argv[2], 1.0, MIN_AGE, pace=Pace(store_every_s=0.05)).listen(
        threading.Event()
    )
