"""Tokens renewed, and their file broken in every way, while clients call a real server of two workers.

Run as `python -m tests.integration.token_rotation ROUNDS SECONDS`, SECONDS being what passes between two steps; a content that
stands for less than half a second may never be in force, and its tokens would count as refused. The clients show a token
that is valid all the time, tokens that come and go, and wrong forms of them. Each answer has a known status: 200 where
the token was valid from GRACE seconds before the request until its answer, 401 where it was at no time of these, and
otherwise either of the two.
"""

import http.client
import itertools
import json
import os
import random
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.bearer_tokens import GOOD, WRONG, bearer, line, lines
from tests.servers import Server, running

GRACE = 1.0
CLIENTS = 3
MISTAKES = ("right tokens refused", "wrong ones let in", "tokens in answers", "tokens in output")
ORDER = {"order_id": "A-104", "route_disruption": 2, "backlog": 3, "weather_severity": 1}
BODY = json.dumps({"orders": [ORDER]}).encode()


@dataclass
class Truth:
    """Which tokens were made, and from when on which of them were valid."""

    made: list[str] = field(default_factory=list)
    valid: list[tuple[float, frozenset[str]]] = field(default_factory=list)

    def new(self) -> str:
        """A token that was never valid so far."""
        self.made.append(f"rotated-{len(self.made)}-{random.randbytes(16).hex()}")
        return self.made[-1]

    def says(self, *tokens: str) -> str:
        """The file of these tokens beside the one that always stays; from now on it may be in force."""
        self.valid.append((time.monotonic(), frozenset(tokens) | {GOOD}))
        return lines(tokens) + line(GOOD)

    def demands(self, token: str, sent: float, answered: float) -> set[int]:
        """The statuses that a request with this token may have."""
        ends = [moment for moment, _ in self.valid[1:]] + [float("inf")]
        spans = zip(self.valid, ends, strict=True)
        seen = {token in valid for (begin, valid), end in spans if begin <= answered and end >= sent - GRACE}
        return {200 if right else 401 for right in seen}


@dataclass
class Rotation:
    """A server's tokens file, and what becomes of it."""

    server: Server
    path: Path
    truth: Truth
    pause: Callable[[], None]
    counts: Counter[str] = field(default_factory=Counter)

    def renamed(self, *tokens: str) -> None:
        draft = self.path.with_name("draft")
        draft.write_text(self.truth.says(*tokens))
        if self.path.is_dir() and not self.path.is_symlink():
            self.path.rmdir()
        os.replace(draft, self.path)
        self._step("renamed")

    def in_place(self, *tokens: str) -> None:
        """Written in two pieces, parted between two lines, with a moment between them."""
        if not (self.path.is_file() and os.access(self.path, os.W_OK)):
            return self.renamed(*tokens)
        first, *rest = self.truth.says(*tokens).splitlines(keepends=True)
        with self.path.open("w") as file:
            file.write(first)
            file.flush()
            time.sleep(0.05)
            file.write("".join(rest))
        return self._step("written in place")

    def broken(self, how: str) -> None:
        BREAKS[how](self.path)
        self._step("broken")

    def killed(self) -> None:
        worker = random.choice(self.server.all_workers(2))
        os.kill(worker, signal.SIGKILL)
        self._step("workers killed")

    def _step(self, what: str) -> None:
        self.counts[what] += 1
        self.pause()


def _emptied(path: Path) -> None:
    path.write_text("")


def _cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 20)


def _garbled(path: Path) -> None:
    path.write_bytes(random.randbytes(500))


def _deleted(path: Path) -> None:
    path.unlink()


def _directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _loop(path: Path) -> None:
    path.unlink()
    path.symlink_to(path)


def _fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _unreadable(path: Path) -> None:
    path.chmod(0)  # to root it stays readable


def _huge(path: Path) -> None:
    with path.open("a") as file:
        file.write("# \n" * 30_000)


BREAKS: dict[str, Callable[[Path], None]] = {
    "emptied": _emptied,
    "cut": _cut,
    "garbled": _garbled,
    "deleted": _deleted,
    "a directory": _directory,
    "a link to itself": _loop,
    "a FIFO": _fifo,
    "unreadable": _unreadable,
    "huge": _huge,
}


def run(rounds: int, seconds: float) -> Counter[str]:
    """So many rounds, each a renewal of a token with the file broken, and a worker killed, on the way. What was counted."""
    truth, stop, kills = Truth(), threading.Event(), itertools.cycle([True, False])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "tokens")
        path.write_text(truth.says())
        with running(**_settings(path)) as server:
            server.all_workers(2)
            rotation = Rotation(server, path, truth, lambda: time.sleep(seconds))
            with _calling(server, truth, stop) as clients:
                old = truth.new()
                for _, how in zip(range(rounds), itertools.cycle(BREAKS), strict=False):
                    new = truth.new()
                    rotation.in_place(old, new)
                    rotation.renamed(new)
                    rotation.broken(how)
                    if next(kills):
                        rotation.killed()
                    old = new
                rotation.renamed()
            text = server.call("GET", "/metrics", headers=bearer(GOOD))[2].decode() + server.log()
    counts = Counter(dict.fromkeys(MISTAKES, 0))
    for each in (rotation.counts, *clients):
        counts.update(each)
    counts["tokens in output"] = sum(token in text for token in [GOOD, *truth.made])
    return counts


def _settings(path: Path) -> dict[str, Any]:
    return {
        "DELIVERY_RISK_TOKENS_FILE": str(path),
        "DELIVERY_RISK_WORKERS": "2",
        "DELIVERY_RISK_LOG_LEVEL": "debug",
    }


@contextmanager
def _calling(server: Server, truth: Truth, stop: threading.Event) -> Iterator[list[Counter[str]]]:
    counts: list[Counter[str]] = [Counter() for _ in range(CLIENTS)]
    threads = [threading.Thread(target=_call, args=(server, truth, stop, each), daemon=True) for each in counts]
    for thread in threads:
        thread.start()
    try:
        yield counts
    finally:
        stop.set()
        for thread in threads:
            thread.join(30)


def _call(server: Server, truth: Truth, stop: threading.Event, counts: Counter[str]) -> None:
    forms = itertools.cycle(WRONG.values())
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    while not stop.is_set():
        token = random.choice([GOOD, GOOD, *truth.made[-2:], random.choice([GOOD, *truth.made])])
        wrong = random.random() < 0.3
        header = next(forms)(token) if wrong else f"Bearer {token}"
        if random.random() < 0.1:
            connection.close()  # and open another for the next request
        sent = time.monotonic()
        try:
            shown = {} if header is None else {"Authorization": header}
            connection.request("POST", "/score", BODY, {"Content-Type": "application/json", **shown})
            answer = connection.getresponse()
            text = answer.read().decode() + str(answer.headers)
        except (OSError, http.client.HTTPException):
            counts["lost"] += 1
            connection.close()
            continue
        allowed = {401} if wrong else truth.demands(token, sent, time.monotonic())
        counts[f"{answer.status}"] += 1
        counts["wrong forms"] += wrong
        counts["either was right"] += len(allowed) > 1
        if answer.status not in allowed:
            counts["right tokens refused" if answer.status == 401 else "wrong ones let in"] += 1
        counts["tokens in answers"] += token in text or GOOD in text
    connection.close()


if __name__ == "__main__":
    json.dump(run(int(sys.argv[1]), float(sys.argv[2])), sys.stdout, indent=1)
