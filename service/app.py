"""The composition root: the one place where a service is put together, for the command line, gunicorn and tests."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from flask import Flask

from model.registry import loader
from schemas.files.row import HOLDOUT, reserved_names
from schemas.result import DECISION_ID
from service.auth import key_file
from service.auth.sessions import Sessions
from service.auth.token_store import TokenStore
from service.config import Settings, SettingsError, variable
from service.decisions.decision_log import DecisionLog
from service.decisions.outcome_log import OutcomeLog
from service.metrics.collector import MetricsCollector
from service.metrics.definitions import Known
from service.metrics.recorder import Metrics
from service.rollout.file_watcher import FileWatcher
from service.rollout.reloader import Reloader
from service.rollout.shadow import Shadow
from service.scoring.holdout import KeyedChooser
from service.scoring.service import ScoringService
from service.serving.active_models import Serving
from service.serving.drain_file import DrainFile
from service.shared.counters import SharedCounters
from service.shared.look_times import LookTimes
from service.telemetry.tracing import Tracer
from service.ui.access import Access
from service.ui.pages import Pages
from service.web import authentication
from service.web.application import create_app
from service.web.concurrency_limit import AT_ONCE, ConcurrencyLimit
from service.web.route import Components, Route, RouteTable, json_length
from service.web.routes import ROUTES

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment


@dataclass(frozen=True, slots=True)
class Service:
    """A service that is put together and may be forked into workers. `app` is its WSGI application.

    `reloader` is None where a single model file is served. `file_watcher` looks at the files, in each worker, and `look_times`
    has when it did. `decision_log` and `outcome_log` are None where no log is kept, `sessions` where there are no pages.
    `scoring_routes` are method and path of the routes that score.
    """

    app: Flask
    settings: Settings
    serving: Serving
    scoring: ScoringService
    metrics: Metrics
    concurrency_limit: ConcurrencyLimit
    tracer: Tracer
    drain_file: DrainFile
    decision_log: DecisionLog | None
    outcome_log: OutcomeLog | None
    reloader: Reloader | None
    file_watcher: FileWatcher
    look_times: LookTimes
    scoring_routes: Sequence[tuple[str, str]]
    table: RouteTable
    sessions: Sessions | None

    def may_answer(self, environ: "WSGIEnvironment") -> bool:
        """Whether a worker may try to answer this request at once, while others wait; its environ says so then.

        Its body must be in memory.
        """
        route = self.table.at(environ["PATH_INFO"]).get(environ["REQUEST_METHOD"])
        if route is None or not route.at_once or "HTTP_CONTENT_ENCODING" in environ or self.concurrency_limit.busy():
            return False  # a compressed body may be large
        if route.scoring:
            try:
                short = self.scoring.is_short(environ["wsgi.input"].getvalue(), json_length(environ))
            except ValueError:
                short = False
            if not short:
                return False
        environ[AT_ONCE] = True
        return True

    def show_initial_series(self) -> None:
        """Show the metric series that are known from the start, for the models that are active now."""
        self.metrics.show_initial(Known(self.serving.active, self.scoring_routes))


def build(settings: Settings, environ: Mapping[str, str], routes: Sequence[Route] = ROUTES) -> Service:
    """The service of these settings, with OpenTelemetry's variables from the environ. Raises ModelError and
    SettingsError.
    """
    holdout = None
    if settings.holdout is not None and settings.holdout_key_file is not None:
        holdout = KeyedChooser(settings.holdout, _key("holdout_key_file", settings.holdout_key_file))
    added = {HOLDOUT: holdout, DECISION_ID: settings.decision_log}
    reserved = partial(reserved_names, added=[name for name, used in added.items() if used is not None])
    model = loader.last_valid(settings.model, settings.model_sha256, reserved=reserved)
    serving, metrics, tracer = Serving(model, settings.max_orders), Metrics(SharedCounters()), Tracer(environ)
    concurrency_limit = ConcurrencyLimit(
        settings, lambda: settings.max_body_bytes or serving.active.champion.decoder.largest_body, metrics
    )
    token_store, drain_file, look_times = None, DrainFile(settings.drain_file), LookTimes()
    looks = {} if settings.drain_file is None else {"drain": drain_file.look}
    if settings.tokens_file is not None:
        token_store = TokenStore(settings.tokens_file, lambda: metrics.count("delivery_risk_tokens_file_failures_total"))
        looks["tokens"] = token_store.look
    decision_log, outcome_log = None, None
    if settings.decision_log is not None:
        decision_log = DecisionLog(settings.decision_log, settings, metrics)
        outcome_log = OutcomeLog(settings.decision_log, settings.decision_log_sync, metrics)
        looks |= {"decisions": decision_log.look, "outcomes": outcome_log.look}
    shadow = Shadow(metrics, concurrency_limit.busy)
    scoring = ScoringService(serving, shadow, decision_log, settings.max_explained, holdout)
    registry = MetricsCollector(metrics.counters, serving, look_times).registry
    logs = decision_log, outcome_log
    bearer = None if token_store is None else authentication.checker(token_store)
    authenticate, finish, sessions = bearer, None, None
    if settings.ui == "on":
        key = os.urandom(64) if settings.ui_key_file is None else _key("ui_key_file", settings.ui_key_file)
        sessions = Sessions(key)
        access = Access(settings, token_store, sessions)
        pages = Pages(access, sessions)
        routes, authenticate, finish = (*routes, *pages.routes()), access.checker(bearer), pages.finish
    components = Components(
        settings, serving, scoring, concurrency_limit, registry, token_store, drain_file, *logs, tuple(routes)
    )
    table = RouteTable(routes)
    app = create_app(components, table, metrics, tracer, authenticate, finish)
    reloader = None
    if os.path.isdir(settings.model):
        reloader = Reloader(
            settings.model, serving, metrics, lambda: service.show_initial_series(), settings.model_sha256, reserved
        )
        looks["registry"] = reloader.look
    scoring_routes = [(route.method, route.path) for route in routes if route.scoring]
    service = Service(
        app,
        settings,
        serving,
        scoring,
        metrics,
        concurrency_limit,
        tracer,
        drain_file,
        decision_log,
        outcome_log,
        reloader,
        FileWatcher(looks, look_times),
        look_times,
        scoring_routes,
        table,
        sessions,
    )
    return service


def _key(setting: str, path: str) -> bytes:
    try:
        return key_file.read(path)
    except key_file.BadKey as error:
        raise SettingsError({variable(setting): str(error)}) from None
