"""Reload: each worker follows the pointers of the store, and changes its lineup off the path of any request.

A version is loaded, checked and tested as at the start; only then the one reference is swapped. Whatever is wrong with the
pointer or the file, the worker goes on with what it serves, tells why, and tries for ever: at once when the pointer changes,
else after a pause that doubles up to LONGEST.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from model.core.risk_model import RiskModel
from model.errors import DigestMismatch, ModelError
from model.registry import versions
from model.registry.references import VersionReference
from service.metrics import initial_series
from service.metrics.recorder import Metrics
from service.serving.active_models import Serving
from service.serving.worker_state import RoleState

EVERY = 0.2
LONGEST = 30.0
_log = logging.getLogger("delivery_risk.reload")


@dataclass(frozen=True, slots=True)
class _Trouble:
    """What failed, the pause after it in seconds, and when that ends on the monotonic clock."""

    over: object
    pause: float
    ends: float


class Reloader:
    """Follows the store in this directory for the stage of this worker. Pinned to a digest, it takes no other version."""

    def __init__(self, directory: Path | str, stage: Serving, metrics: Metrics, sha256: str | None = None) -> None:
        self._directory = directory
        self._stage = stage
        self._metrics = metrics
        self._pinned = sha256
        self._troubles: dict[str, _Trouble] = {}

    def start(self) -> None:
        """Catch up now, with the last good version if the newest is not, and follow from then on in a thread."""
        self.look()
        if self._stage.active.states["champion"].reason is not None:
            self._join_the_others()
        threading.Thread(target=self._follow, name="reload", daemon=True).start()

    def look(self) -> None:
        """Look once what the store wants, and do it where that is possible."""
        self._attend("champion", versions.current, self._champion)
        self._attend("challenger", versions.challenger, self._challenger)

    def _follow(self) -> None:
        while True:
            time.sleep(EVERY)
            self.look()

    def _attend(
        self,
        role: str,
        read: Callable[[Path | str], VersionReference | None],
        change: Callable[[VersionReference | None], None],
    ) -> None:
        try:
            wanted = read(self._directory)
        except Exception as error:  # whatever stands in a store, it must not end this thread
            self._failed(role, self._stage.active.states[role].wanted, str(error), error)
            return
        over = (wanted, self._stage.active.champion.model.sha256)
        if self._settled(role, wanted) or self._pauses(role, over):
            return
        before = self._stage.active.states[role]
        try:
            change(wanted)
        except Exception as error:
            self._failed(role, wanted, over, error)
        else:
            self._troubles.pop(role, None)
            initial_series.show(self._metrics.counters, self._stage.active)
            self._tell(role, before, wanted)

    def _tell(self, role: str, before: RoleState, wanted: VersionReference | None) -> None:
        about = {"role": role, "model_version": wanted and wanted.version}
        if _model(self._stage.active.states[role]) != _model(before):
            _log.info("model changed", extra=about)
        elif before.reason is not None:
            _log.info("model is as wanted again", extra=about)

    def _settled(self, role: str, wanted: VersionReference | None) -> bool:
        state = self._stage.active.states[role]
        return state.reason is None and state.wanted == wanted and (wanted is None or state.served is not None)

    def _pauses(self, role: str, over: object) -> bool:
        trouble = self._troubles.get(role)
        return trouble is not None and trouble.over == over and time.monotonic() < trouble.ends

    def _champion(self, wanted: VersionReference | None) -> None:
        if wanted is not None:
            model = self._stage.active.champion.model
            same = (wanted.version, wanted.sha256) == (model.manifest.version, model.sha256)
            self._stage.champion(model if same else self._load(wanted), wanted)

    def _challenger(self, wanted: VersionReference | None) -> None:
        challenger = None if wanted is None else self._load(wanted)
        if challenger is not None:
            versions.require_same_features(self._stage.active.champion.model, challenger)
        self._stage.challenger(challenger, wanted)

    def _load(self, wanted: VersionReference) -> RiskModel:
        if self._pinned not in (None, wanted.sha256):
            raise DigestMismatch("sha256", "not the one that this service is pinned to")
        return versions.load(self._directory, wanted)

    def _failed(self, role: str, wanted: VersionReference | None, over: object, error: Exception) -> None:
        if self._pauses(role, over):
            return
        before = self._troubles.get(role)
        again = before is not None and before.over == over
        pause = min(2 * before.pause, LONGEST) if before is not None and again else EVERY
        self._troubles[role] = _Trouble(over, pause, time.monotonic() + pause)
        kind = type(error).__name__
        reason = f"{kind}: {error}" if isinstance(error, ModelError) else kind
        self._metrics.reload_failed(role, kind)
        self._stage.failed(role, wanted, reason)
        if not again:
            _log.error("model not changed", extra={"role": role, "reason": reason})

    def _join_the_others(self) -> None:
        """Serve what some worker was the last to change to: a new worker knows only what its master has loaded."""
        latest, failed = self._stage.latest, self._stage.active.states["champion"]
        if latest.served is None or not latest.served.file or latest.served == failed.served:
            return
        at = VersionReference(latest.served.version, latest.served.file, latest.served.sha256)
        try:
            self._stage.champion(versions.load(self._directory, at), at)
            initial_series.show(self._metrics.counters, self._stage.active)
        except ModelError as error:
            _log.error("last good model not found", extra={"role": "champion", "reason": str(error)})
        self._stage.failed("champion", failed.wanted, str(failed.reason))


def _model(state: RoleState) -> tuple[str, str] | None:
    return None if state.served is None else (state.served.version, state.served.sha256)
