"""Wire one gateway process: the consumer of promotions, the swapper, the web application."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from fastapi import FastAPI
from viral_common.artefact.download import download
from viral_common.artefact.predictor import Predictor
from viral_common.artefact.trial import try_artefact
from viral_common.delivery.service import Service
from viral_common.events import ModelPromoted
from viral_common.signing.trust import make_trust

from viral_gateway.app import create_app
from viral_gateway.gateway import Gateway
from viral_gateway.monitoring.live_drift import LiveTraffic
from viral_gateway.monitoring.prediction_log import PredictionLog
from viral_gateway.prediction.author_cache import AuthorCache
from viral_gateway.prediction.batching import Scoring
from viral_gateway.prediction.predict import PredictionService
from viral_gateway.records import Records
from viral_gateway.serving.announcements import Announcements
from viral_gateway.serving.artefact_cache import ArtefactCache
from viral_gateway.serving.champion import ModelHolder
from viral_gateway.serving.reconciler import Reconciler
from viral_gateway.serving.swapper import Swapper
from viral_gateway.settings import GatewaySettings
from viral_gateway.stores.bounded_reads import BoundedReads
from viral_gateway.tuning import settle_memory, tune_process


def build_app(settings: GatewaySettings) -> FastAPI:
    """Build the application; its lifespan restores the last good model and starts the service's threads."""
    tune_process()
    service = Service("gateway", settings)
    holder, announcements = ModelHolder(), Announcements()
    records, scoring = Records(service.sessions), Scoring(settings.predict_threads, settings.predict_queue)
    swapper = Swapper(
        holder,
        ArtefactCache(settings.data_dir / "gateway"),
        partial(download, settings.mlflow_url),
        try_artefact,
        # The pool's threads are the parallelism; more inside one prediction would only compete with them.
        partial(Predictor.load, threads=1),
        announcements.publish,
        make_trust(settings),
    )
    reconciler = Reconciler(swapper, records.read_champion, settings.reconcile_s, settings.swap_spread_s)
    service.subscribe(ModelPromoted, reconciler.on_promoted, on_bound=reconciler.wake)
    # A swap alone may take that long on a busy host; each piece of the log waits for a silent Postgres.
    service.add_background_task("reconciler", reconciler.run, longest_turn_s=30)
    prediction_log = PredictionLog(service.sessions, settings)
    service.add_background_task("prediction log", prediction_log.run, longest_turn_s=60)

    @asynccontextmanager
    async def run_service(_app: FastAPI) -> AsyncIterator[None]:
        announcements.attach(asyncio.get_running_loop())
        await asyncio.to_thread(swapper.restore)
        settle_memory()
        service.start()
        yield
        await asyncio.to_thread(service.stop)
        scoring.close()

    authors = AuthorCache(records.find_authors, BoundedReads("authors", settings.author_lookup_s))
    gateway = Gateway(
        settings,
        holder,
        PredictionService(scoring, authors, prediction_log, settings.min_age),
        announcements,
        records,
        BoundedReads("records", deadline_s=5),
        LiveTraffic(records, settings.min_age),
        service.find_not_consuming,
    )
    return create_app(gateway, run_service)
