"""Look-up: what the decision log has about an order, found in time by one thread of a worker."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from threading import Lock

import msgspec

from schemas.decision_record import BadRecord, DecisionRecord, loads
from schemas.fields import in_utc
from schemas.outcome import OutcomeRecord
from schemas.outcome import loads as load_outcomes
from service.decisions import order_decisions
from service.decisions.log_search import LogFile, LogSearch, Searched, newest_first
from service.decisions.order_decisions import OrderDecision, Unread
from service.decisions.pace import OutOfTime, Pace, Paced
from service.decisions.reading import DECISIONS, OUTCOMES, NoLog, lines_with
from service.offline.evaluation.latest_outcomes import LatestOutcomes, Outcome
from service.ui.visit import Visit
from service.web.errors import Problem

SECONDS = 2.0

_WRITER = re.compile(r"([0-9a-f]{16}-[0-9]{1,6})-[0-9]{1,18}")
"""A decision id begins with what the names of the files of its process have in common."""

_turn = Lock()


@dataclass(frozen=True, slots=True)
class Held:
    """What the log holds: its files of decisions, their bytes, when the first one begins and the last one was written."""

    files: int
    size: int
    begins: datetime | None
    written: datetime | None


@dataclass(frozen=True, slots=True)
class Found:
    """The decisions about an order, the newest first, its outcome, what could not be read, and what was searched."""

    decisions: Sequence[OrderDecision]
    outcome: Outcome | None
    unread: Sequence[Unread]
    searched: Searched


@dataclass(frozen=True, slots=True)
class FoundRecord:
    """A record, None if it was not found, and what was searched."""

    record: DecisionRecord | None
    searched: Searched


@contextmanager
def turn(visit: Visit) -> Iterator[Pace]:
    """The pace of the one look-up of this worker, which begins now. Raises Problem 404 and 503."""
    if visit.components.decision_log is None:
        raise Problem(404, "No decision log is kept here. Set DELIVERY_RISK_DECISION_LOG to the folder for one.")
    visit.components.concurrency_limit.permit(visit.request.environ)
    if not _turn.acquire(blocking=False):
        raise Problem(503, "Another look-up is running. Send yours again in a moment.", headers={"Retry-After": "2"})
    try:
        yield Pace(SECONDS)
    except NoLog as error:
        raise Problem(503, f"The folder of the decision log {error.reason}.", headers={"Retry-After": "5"}) from None
    finally:
        _turn.release()


def held(folder: str, pace: Paced) -> Held | None:
    """What a log holds; None if there is no time to find it out. Raises NoLog."""
    try:
        files = newest_first(folder, [DECISIONS], pace)
    except OutOfTime:
        return None
    size = sum(file.size for file in files)
    return Held(len(files), size, *((files[-1].begins(), files[0].written) if files else (None, None)))


def order(folder: str, order_id: str, pace: Paced) -> Found:
    """What a log has about an order. Raises NoLog."""
    decisions: list[OrderDecision] = []
    unread: list[Unread] = []
    latest = LatestOutcomes()

    def read(path: Path, pace: Paced) -> Iterator[OrderDecision | OutcomeRecord | Unread]:
        yield from (_outcomes if path.name.startswith(OUTCOMES) else order_decisions.in_file)(path, order_id, pace)

    search = LogSearch(_files(folder, [DECISIONS, OUTCOMES], pace), pace)
    for item in search.items(read):
        if isinstance(item, OrderDecision):
            decisions.append(item)
        elif isinstance(item, OutcomeRecord):
            latest.add(item)
        else:
            unread.append(item)
    decisions.sort(key=order_decisions.age, reverse=True)
    return Found(decisions, latest.outcomes.get(order_id), unread, search.searched)


def record(folder: str, decision_id: str, order_id: str, pace: Paced) -> FoundRecord:
    """The record of a decision about an order. The files of the process that made it are searched first. Raises NoLog."""
    writer = _WRITER.fullmatch(decision_id)
    files = _files(folder, [DECISIONS], pace)
    if writer is not None:
        files.sort(key=lambda file: not file.path.name.startswith(f"{DECISIONS}-{writer[1]}-"))

    def read(path: Path, pace: Paced) -> Iterator[DecisionRecord]:
        with suppress(NoLog):  # the page of the order names what cannot be read
            for line in lines_with(path, msgspec.json.encode(decision_id), pace):
                with suppress(BadRecord):
                    found = loads(line.text)
                    order_decisions.in_utc(found.at)
                    yield found

    search = LogSearch(files, pace)
    for item in search.items(read):
        if item.decision_id == decision_id and not item.generated_ids and order_id in (item.order_ids or ()):
            return FoundRecord(item, search.searched)
    return FoundRecord(None, search.searched)


def _files(folder: str, kinds: Sequence[str], pace: Paced) -> list[LogFile]:
    try:
        return newest_first(folder, kinds, pace)
    except OutOfTime:
        raise Problem(503, "The log has too many files to list in time. Use `delivery-risk decisions find`.") from None


def _outcomes(path: Path, order_id: str, pace: Paced) -> Iterator[OutcomeRecord | Unread]:
    try:
        for line in lines_with(path, msgspec.json.encode(order_id), pace):
            if not line.torn:
                try:
                    found = load_outcomes(line.text)
                    for at in found.outcome_at:
                        in_utc(at)
                    yield found
                except BadRecord as error:
                    yield line, str(error)
                except OverflowError:
                    yield line, "a time out of range"
    except NoLog as error:
        yield error, error.reason
