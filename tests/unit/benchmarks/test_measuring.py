"""A contestant whose answer is wrong ends the benchmark."""

import subprocess
import sys
from typing import Any

import pytest

from tests.benchmarks.bodies import dumps, expected
from tests.benchmarks.contestants import OURS
from tests.benchmarks.measuring import Case, Runner, WrongAnswer, measure
from tests.facts import SCORES
from tests.unit.benchmarks.scripted import answer, scripted

RIGHT: list[dict[str, Any]] = [{"order_id": order_id, "score": score, "queue": queue} for order_id, score, queue in expected(3)]
WRONG = {
    "another status": answer(503, b"{}"),
    "a score": answer(200, dumps({"results": [RIGHT[0] | {"score": RIGHT[0]["score"] + 1e-9}, *RIGHT[1:]]})),
    "a queue": answer(200, dumps({"results": [RIGHT[0] | {"queue": "review"}, *RIGHT[1:]]})),
    "an order id": answer(200, dumps({"results": [RIGHT[0] | {"order_id": "O-9"}, *RIGHT[1:]]})),
    "an order missing": answer(200, dumps({"results": RIGHT[:2]})),
}


def test_the_expected_scores_are_the_known_ones():
    assert [score for _, score, _ in expected(3)] == SCORES


@pytest.fixture(scope="module")
def idle():
    """A process whose CPU time can be read."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        yield process
        process.terminate()


def costs(process, answers):
    with scripted(answers) as (port, _):
        return measure([Runner(OURS, process, port)], Case(3), 2)


def test_right_answers_are_measured_once_a_round(idle):
    assert len(costs(idle, [answer(200, dumps({"results": RIGHT}))])[OURS.name]) == 2


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_one_wrong_answer_ends_the_benchmark(idle, wrong):
    with pytest.raises(WrongAnswer, match="this service"):
        costs(idle, [answer(200, dumps({"results": RIGHT}))] * 20 + [wrong])
