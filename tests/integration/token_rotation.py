"""Tokens are renewed, and their file is broken in every way, while clients call a real server of two workers.

The clients show a token that is always valid, tokens that come and go, and wrong forms of them. The status of each answer is
known: 200 if the token was valid from GRACE seconds before the request until its answer, 401 if it was at no time of these,
otherwise either. A content in place for less than half a second may never be in force, and would count as a mistake.
"""

import http.client
import itertools
import json
import os
import random
import signal
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.bearer_tokens import BREAKS, GOOD, WRONG, bearer, line, replace
from tests.facts import ORDER
from tests.servers import Server, running

GRACE = 1.0
CLIENTS = 3
MISTAKES = ("valid tokens rejected", "wrong ones accepted", "tokens in answers", "tokens in output")
BODY = json.dumps({"orders": [ORDER]}).encode()


@dataclass
class Truth:
    """The tokens that were made, and the moments from which some of them were valid."""

    made: list[str] = field(default_factory=list)
    valid: list[tuple[float, frozenset[str]]] = field(default_factory=list)

    def new(self) -> str:
        """A token that was never valid so far."""
        self.made.append(f"rotated-{len(self.made)}-{random.randbytes(16).hex()}")
        return self.made[-1]

    def file(self, *tokens: str) -> str:
        """The file of these tokens and the one that always stays, which may be in force from now on."""
        self.valid.append((time.monotonic(), frozenset(tokens) | {GOOD}))
        return "".join(map(line, [*tokens, GOOD]))

    def statuses(self, token: str, sent: float, answered: float) -> set[int]:
        """The statuses that a request with this token may have."""
        ends = [moment for moment, _ in self.valid[1:]] + [float("inf")]
        spans = zip(self.valid, ends, strict=True)
        seen = {token in valid for (begin, valid), end in spans if begin <= answered and end >= sent - GRACE}
        return {200 if right else 401 for right in seen}


def run(rounds: int, seconds: float) -> Counter[str]:
    """Renew a token this many times, with the file broken and a worker killed on the way; the counts of all outcomes."""
    truth, stop, counts = Truth(), threading.Event(), Counter(dict.fromkeys(MISTAKES, 0))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "tokens")
        path.write_text(truth.file())
        given = {"TOKENS_FILE": str(path), "WORKERS": "2", "LOG_LEVEL": "debug"}
        with running(**{f"DELIVERY_RISK_{name}": value for name, value in given.items()}) as server:
            server.all_workers(2)
            with _calling(server, truth, stop) as clients:
                old = truth.new()
                for number, how in zip(range(rounds), itertools.cycle(BREAKS), strict=False):
                    new = truth.new()
                    _write_in_place(path, truth.file(old, new))
                    time.sleep(seconds)
                    replace(path, truth.file(new))
                    time.sleep(seconds)
                    BREAKS[how](path)
                    time.sleep(seconds)
                    if number % 2 == 0:
                        os.kill(random.choice(server.all_workers(2)), signal.SIGKILL)
                        counts["workers killed"] += 1
                        time.sleep(seconds)
                    old = new
                replace(path, truth.file())
                time.sleep(seconds)
            text = server.call("GET", "/metrics", headers=bearer(GOOD))[2].decode() + server.log()
    counts.update(sum(clients, Counter()))
    counts["tokens in output"] = sum(token in text for token in [GOOD, *truth.made])
    return counts


def _write_in_place(path: Path, text: str) -> None:
    """Write the file in two pieces, with a moment between them; a path that is no writable file is replaced first."""
    if not (path.is_file() and os.access(path, os.W_OK)):
        replace(path, "")
    first, *rest = text.splitlines(keepends=True)
    with path.open("w") as file:
        file.write(first)
        file.flush()
        time.sleep(0.05)
        file.write("".join(rest))


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
            connection.close()  # the next request opens another
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
        allowed = {401} if wrong else truth.statuses(token, sent, time.monotonic())
        counts[f"{answer.status}"] += 1
        counts["wrong forms"] += wrong
        if answer.status not in allowed:
            counts[MISTAKES[0] if answer.status == 401 else MISTAKES[1]] += 1
        counts["tokens in answers"] += token in text or GOOD in text
    connection.close()
