"""The targets: how many times the cost of this service the others must cost at least, and what holds with many connections."""

from typing import NamedTuple

from tests.benchmarks.contestants import FAST_LANE_OFF, FASTAPI, FLASK, LITESTAR, MLSERVER, NAIVE, OUR_COLUMNS, OURS, Contestant


class Target(NamedTuple):
    """The least cost of a peer, by size, as a multiple of that of `ours`."""

    peer: Contestant
    ours: Contestant
    least: dict[int, float]


COSTS = (
    Target(LITESTAR, OURS, {1: 1.2, 32: 1.05, 1000: 1.9, 10_000: 3.8}),
    Target(FASTAPI, OURS, {1: 1.5, 32: 1.3, 1000: 4.5, 10_000: 10.5}),
    Target(MLSERVER, OUR_COLUMNS, {1: 3.5, 32: 2, 1000: 1.3, 10_000: 1.4}),
    Target(NAIVE, OURS, {1: 4, 32: 6, 1000: 13, 10_000: 25}),
    Target(FLASK, OURS, {1: 1.5}),
    Target(FASTAPI, FAST_LANE_OFF, {1: 1.0}),
)
SIZES = sorted({size for target in COSTS for size in target.least})
RATE = LATENCY = 1.0
"""With many connections of one order: our requests per second over Litestar's, and Litestar's p99 over ours, at least."""

IDLE_MIB = 60
"""The most memory (PSS) of a master and two workers at rest."""

COMMAND_LINE = 3.0
"""The least rows per second of CPU of `delivery-risk score`, over those of revision c92a648."""

REPLAY = 1.0
"""The least rows per second of CPU of `delivery-risk replay` of requests of 10,000, over those of `score`."""

OVER_LOOP = 0.2
"""The most that explanations of 35-64-32-1 may cost, over those of a plain loop over segments."""

BULK_OVER_LOOP = 1.4
"""The most CPU time of `delivery-risk bulk`, over that of a plain loop with pyarrow and NumPy that writes the same columns."""

BULK_MIB = 400
"""The most memory (RSS) of a process of `delivery-risk bulk`."""

BULK_CSV = 3.0
"""The least rows per second of CPU of `delivery-risk bulk` of CSV, over those of `score` of revision c92a648."""
