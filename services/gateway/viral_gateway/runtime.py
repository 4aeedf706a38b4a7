"""One gateway process wired: the consumer of promotions, the swapper, the web application."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from fastapi import FastAPI
from viral_common.artefact.predictor import Predictor
from viral_common.delivery.service import Service
from viral_common.events import ModelPromoted

from viral_gateway.app import create_app
from viral_gateway.gateway import Gateway
from viral_gateway.monitoring.live_drift import LiveTraffic
from viral_gateway.monitoring.prediction_log import PredictionLog
from viral_gateway.prediction.author_cache import AuthorCache
from viral_gateway.prediction.batching import Scoring
from viral_gateway.records import Records
from viral_gateway.serving.announcements import Announcements
from viral_gateway.serving.artefact_cache import ArtefactCache
from viral_gateway.serving.artefact_download import download
from viral_gateway.serving.champion import ModelHolder
from viral_gateway.serving.reconciler import Reconciler
from viral_gateway.serving.swapper import Swapper
from viral_gateway.settings import GatewaySettings

# A thread that comes back from scoring gets the interpreter after this; with Python's own 5 ms it may wait for longer
# than it computed.
SWITCH_S = 0.0005


def build_app(settings: GatewaySettings) -> FastAPI:
    """The application; its lifespan restores the last good model and starts the service's threads."""
    sys.setswitchinterval(SWITCH_S)
    # Its pool would be started by the first swap, and step back behind replies with it, for ever.
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    service = Service("gateway", settings)
    holder, announcements = ModelHolder(), Announcements()
    records, scoring = Records(service.sessions), Scoring(settings.predict_threads, settings.predict_queue)
    swapper = Swapper(
        holder,
        ArtefactCache(settings.data_dir / "gateway"),
        partial(download, settings.mlflow_url),
        # The pool's threads are the parallelism; more inside one prediction would only compete with them.
        partial(Predictor.load, threads=1),
        announcements.publish,
    )
    reconciler = Reconciler(swapper, records.champion, settings.reconcile_s, settings.swap_spread_s)
    service.subscribe(ModelPromoted, reconciler.notice, on_bound=reconciler.wake)
    service.add_background_task("reconciler", reconciler.run)
    prediction_log = PredictionLog(service.sessions, settings)
    service.add_background_task("prediction log", prediction_log.run)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        announcements.attach(asyncio.get_running_loop())
        await asyncio.to_thread(swapper.restore)
        service.start()
        yield
        await asyncio.to_thread(service.stop)
        scoring.close()

    authors = AuthorCache(records.author_histories)
    gateway = Gateway(
        settings,
        holder,
        scoring,
        announcements,
        records,
        authors,
        prediction_log,
        LiveTraffic(records, settings.min_age),
        service.find_not_consuming,
    )
    return create_app(gateway, lifespan)
