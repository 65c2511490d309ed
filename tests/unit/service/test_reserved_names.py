import ast

import pytest

from tests.facts import ROOT

CHECKED = {"require_risk", "load", "get", "publish", "promote", "rollback", "challenge", "last_valid"}
CALLS = [
    pytest.param(call, id=f"{path.relative_to(ROOT)}:{call.lineno}")
    for path in sorted((ROOT / "service").rglob("*.py"))
    for call in ast.walk(ast.parse(path.read_text()))
    if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr in CHECKED
    if call.func.attr == "require_risk" or ast.unparse(call.func.value) in ("loader", "versions")
]


@pytest.mark.parametrize("call", CALLS)
def test_the_service_takes_no_model_whose_features_have_names_of_output_columns(call):
    (given,) = [ast.unparse(each.value) for each in call.keywords if each.arg == "reserved"]
    assert given in ("reserved_names", "reserved", "self._reserved")
