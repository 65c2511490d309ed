import msgspec
import pytest

from schemas.explanation import Explanation, Reason
from schemas.files.row import Row
from schemas.result import Result
from service.cli.account import Account
from tests.raw_orders import ORDERS, raw_model


def account_of(changes=None, row=ORDERS[0], reasons=(), policy="review", **result):
    """The account of one of the raw orders, made by hand with these changes and reasons. All contributions are 0."""
    model = raw_model()
    names = model.manifest.input_names
    amounts = msgspec.defstruct("Contributions", [(name, float) for name in names])(*[0.0] * len(names))
    explanation, found = Explanation(0.5, 0.5, amounts, reasons, changes), Result("A-1", 0.62, "review", **result)
    return "\n".join(Account(model, policy, Row(1, [], row), found, explanation).lines("orders.jsonl"))


def changes_of(text):
    _, _, rest = text.partition("\nChanges: values that alone move the score to the other side of the threshold\n")
    return rest.splitlines()


def test_an_order_without_an_input_that_raises_the_risk_has_no_reasons():
    assert account_of().endswith("\nReasons: the inputs that raise the risk most\n  none: no input raises the risk")


def test_changes_go_from_the_value_of_the_order_to_the_other_side_of_the_threshold():
    changes = {"backlog": 2.2500000000000004, "carrier": ["B:6", "ü"], "distance": 1e4, "size": [], "month": None}
    assert changes_of(account_of(changes)) == [
        "  backlog: 3 -> 2.2500000000000004",
        "  distance: 12.5 -> 10000",
        "  carrier: AA -> B:6, ü",
        "  size: L -> none of its values",
        "  month: 7 -> no value in its range",
    ]


def test_a_value_that_is_missing_is_not_changed_by_a_number():
    (line,) = changes_of(account_of({"backlog": None}, ORDERS[2]))
    assert line == "  backlog: missing -> not known for a value that is missing"


def test_changes_of_an_order_out_of_range_do_not_change_its_queue_by_the_policy_review():
    changed = ["  backlog: 61.5 -> 3"]
    for policy, more in (("review", ["The order stays in review while an input is out of range."]), ("flag", [])):
        found = account_of({"backlog": 3.0}, ORDERS[3], policy=policy, out_of_range=("backlog",))
        assert changes_of(found) == changed + more


def test_changes_and_reasons_are_printed_on_one_line_each():
    value = "B\n\u202e6"
    found = account_of({"carrier": [value]}, ORDERS[0] | {"carrier": value}, reasons=[Reason("carrier", 1.0, None, value)])
    assert changes_of(found) == [r"  carrier: B\n\u202e6 -> B\n\u202e6"]
    assert "\n  1. B\\n\\u202e6\n" in found


@pytest.mark.parametrize("changes", [None, {}])
def test_without_actionable_inputs_there_are_no_changes(changes):
    assert "Changes" not in account_of(changes)


def test_changes_of_many_values_fit_into_80_columns():
    values = [f"value {number}" for number in range(40)]
    lines = changes_of(account_of({"carrier": values}))
    assert max(map(len, lines)) <= 80
    assert " ".join(map(str.strip, lines)) == f"carrier: AA -> {', '.join(values)}"
