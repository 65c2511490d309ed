import ast
from dataclasses import replace

import pytest

from model.artifact import model_file
from model.core.manifest import Context
from model.errors import NotServable
from model.packaged import packaged_model
from tests.apps import service_of
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


@pytest.fixture
def made(tmp_path):
    """A service of a model with a context of this name, with a decision log and a holdout or without."""

    def make(context, *, further=True):
        model = packaged_model()
        named = replace(model, manifest=replace(model.manifest, context=(Context(context, ("EWR",)),)))
        model_file.write(named, tmp_path / "model.npz")
        (tmp_path / "key").write_text("k" * 32)
        given = {"decision_log": str(tmp_path), "holdout": "0.01", "holdout_key_file": str(tmp_path / "key")} if further else {}
        return service_of(model=str(tmp_path / "model.npz"), **given)

    return make


def test_a_context_must_not_have_the_name_of_a_column_that_csv_answers_have(made):
    body = "order_id,route_disruption,backlog,weather_severity\nA,1,2,3\n"
    answer = made("depot").app.test_client().post("/score", data=body, content_type="text/csv")
    columns = answer.text.partition("\r\n")[0].split(",")
    assert {"threshold", "holdout", "decision_id", "depot"} <= {*columns}
    for name in {*columns} - {"order_id", "depot"}:
        with pytest.raises(NotServable):
            made(name)


@pytest.mark.parametrize("name", ["holdout", "decision_id"])
def test_a_name_of_an_option_is_free_where_the_option_is_not_used(made, name):
    assert made(name, further=False).serving.active.champion.model.manifest.context_names == (name,)
