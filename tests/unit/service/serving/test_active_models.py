"""ServedModel: how long a batch takes is estimated from its body alone."""

import pytest

from model.packaged import packaged_model
from service.serving.active_models import ServedModel
from tests.benchmarks.bodies import columns, records
from tests.models import one_input

SERVED = ServedModel(packaged_model(), 10_000)


@pytest.mark.parametrize("orders", [2, 33, 10_000])
def test_the_estimate_counts_the_orders_of_records_as_of_columns(orders):
    one, more = SERVED.seconds(records(1)), SERVED.seconds(records(orders))
    assert SERVED.seconds(columns(1)) == one
    assert SERVED.seconds(columns(orders)) == more
    assert (more - one) / (orders - 1) == pytest.approx(SERVED.seconds(records(2)) - one)


def test_a_larger_model_takes_longer():
    assert ServedModel(one_input(), 10_000).seconds(b"") < SERVED.seconds(b"")
