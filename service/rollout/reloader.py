"""Reloader: looks at the registry's references, again and again in each worker, and changes the active models.

A version is loaded, checked and tested as at the start, off the path of any request; then one reference is swapped. If the
reference or the file is not valid, the worker continues with what it serves, reports why, and retries: at once when the
reference changes, otherwise after a pause that doubles up to LONGEST.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from model.core.manifest import Reserved
from model.core.risk_model import RiskModel
from model.errors import DigestMismatch, ModelError
from model.registry import versions
from model.registry.references import VersionReference
from schemas.files.row import reserved_names
from service.metrics.recorder import Metrics
from service.rollout.file_watcher import EVERY
from service.serving.active_models import Serving
from service.serving.worker_state import RoleState

LONGEST = 30.0
Wanted = VersionReference | None
_log = logging.getLogger("delivery_risk.reload")


@dataclass(frozen=True, slots=True)
class _Trouble:
    """What failed, the pause after it in seconds, and its end on the monotonic clock."""

    over: object
    pause: float
    ends: float


class Reloader:
    """Follows the registry in this directory. Pinned to a digest, it takes no other version.

    `changed` is called after each change of the active models. No input or context may have a `reserved` name.
    """

    def __init__(
        self,
        directory: Path | str,
        serving: Serving,
        metrics: Metrics,
        changed: Callable[[], None],
        sha256: str | None = None,
        reserved: Reserved = reserved_names,
    ) -> None:
        self._directory = directory
        self._serving = serving
        self._metrics = metrics
        self._changed = changed
        self._pinned = sha256
        self._reserved = reserved
        self._troubles: dict[str, _Trouble] = {}

    def start(self) -> None:
        """Load what the registry names now, or else the last valid version."""
        self.look()
        if self._serving.active.states["champion"].reason is not None:
            self._join_the_others()

    def look(self) -> None:
        """Read the references once, and change the models where they differ. Never raises."""
        self._attend("champion", versions.current, self._champion)
        self._attend("challenger", versions.challenger, self._challenger)

    def _attend(self, role: str, read: Callable[[Path | str], Wanted], change: Callable[[Wanted], None]) -> None:
        before = self._serving.active.states[role]
        wanted, over = before.wanted, None
        try:
            wanted = read(self._directory)
            over = (wanted, self._serving.active.champion.model.sha256)
            settled = before.reason is None and before.wanted == wanted and (wanted is None or before.served is not None)
            if settled or self._pauses(role, over):
                return
            change(wanted)
        except Exception as error:  # no content of a registry may end this thread
            self._failed(role, wanted, over or str(error), error)
            return
        self._troubles.pop(role, None)
        self._changed()
        about = {"role": role, "model_version": wanted and wanted.version}
        if _digest(self._serving.active.states[role]) != _digest(before):
            _log.info("model changed", extra=about)
            if role == "champion":
                self._serving.warn_if_illustrative()
        elif before.reason is not None:
            _log.info("model is as wanted again", extra=about)

    def _pauses(self, role: str, over: object) -> bool:
        trouble = self._troubles.get(role)
        return trouble is not None and trouble.over == over and time.monotonic() < trouble.ends

    def _champion(self, wanted: Wanted) -> None:
        if wanted is not None:
            model = self._serving.active.champion.model
            same = (wanted.version, wanted.sha256) == (model.manifest.version, model.sha256)
            self._serving.set_champion(model if same else self._load(wanted), wanted)

    def _challenger(self, wanted: Wanted) -> None:
        challenger = None if wanted is None else self._load(wanted)
        if challenger is not None:
            versions.require_same_features(self._serving.active.champion.model, challenger)
        self._serving.set_challenger(challenger, wanted)

    def _load(self, wanted: VersionReference) -> RiskModel:
        if self._pinned not in (None, wanted.sha256):
            raise DigestMismatch("sha256", "not the digest that this service is pinned to")
        return versions.load(self._directory, wanted, reserved=self._reserved)

    def _failed(self, role: str, wanted: Wanted, over: object, error: Exception) -> None:
        if self._pauses(role, over):
            return
        before = self._troubles.get(role)
        again = before is not None and before.over == over
        pause = min(2 * before.pause, LONGEST) if before is not None and again else EVERY
        self._troubles[role] = _Trouble(over, pause, time.monotonic() + pause)
        kind = type(error).__name__
        reason = f"{kind}: {error}" if isinstance(error, ModelError) else kind
        self._metrics.count("delivery_risk_model_reload_failures_total", role, kind)
        self._serving.set_failed(role, wanted, reason)
        if not again:
            _log.error("model not changed", extra={"role": role, "reason": reason})

    def _join_the_others(self) -> None:
        """Serve what some worker changed to last: a new worker only knows what its master loaded."""
        latest, failed = self._serving.latest, self._serving.active.states["champion"]
        if latest.served is None or not latest.served.file or latest.served == failed.served:
            return
        at = VersionReference(latest.served.version, latest.served.file, latest.served.sha256)
        try:
            self._serving.set_champion(versions.load(self._directory, at, reserved=self._reserved), at)
            self._changed()
        except ModelError as error:
            _log.error("last good model not found", extra={"role": "champion", "reason": str(error)})
        self._serving.set_failed("champion", failed.wanted, str(failed.reason))


def _digest(state: RoleState) -> str | None:
    return state.served.sha256 if state.served else None
