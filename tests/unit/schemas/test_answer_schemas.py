"""What the schemas of answers require and allow."""

import pytest
from marshmallow import ValidationError

from schemas.about import HealthSchema, VersionSchema
from schemas.answer_schemas import ResultSchema
from schemas.faults import CODES, ErrorSchema, Fault, ProblemSchema, error_list
from schemas.formats.table import FORMATS
from schemas.model_card import FeatureSchema, InputSchema, ModelSchema

REQUIRED = {
    ErrorSchema: ["pointer", "code", "detail"],
    ProblemSchema: ["type", "title", "status", "detail", "request_id"],
    ResultSchema: ["order_id", "score", "queue"],
    FeatureSchema: ["name", "unit", "description", "minimum", "maximum", "mean", "scale", "made_of"],
    InputSchema: [
        *(
            "name",
            "kind",
            "unit",
            "description",
            "minimum",
            "maximum",
            "values",
            "missing",
            "unknown",
            "optional",
            "actionable",
        ),
    ],
    ModelSchema: [
        *("model_name", "model_version", "model_sha256", "created", "description", "threshold", "out_of_range_policy"),
        *("holdout", "head", "sizes", "activations", "parameter_count", "inputs", "features", "context", "also_accepts"),
        *("illustrative", "compared", "provenance", "reference", "lineup"),
    ],
    VersionSchema: ["service_version", "python_version", "numpy_version", "model_version"],
    HealthSchema: ["status"],
}


@pytest.mark.parametrize(("schema", "names"), REQUIRED.items())
@pytest.mark.parametrize("other", ["value", "instance", "backlog"])
def test_an_answer_lacks_none_of_its_members_and_has_no_others(schema, names, other):
    with pytest.raises(ValidationError) as caught:
        schema().load({other: 3})
    assert list(caught.value.messages) == [*names, other]


@pytest.mark.parametrize(
    ("schema", "name", "values"),
    [(ErrorSchema, "code", list(CODES)), (ResultSchema, "queue", ["monitor", "review"]), (HealthSchema, "status", ["ok"])],
)
def test_a_schema_lists_the_values_of_a_closed_set(schema, name, values):
    assert schema().fields[name].metadata["enum"] == values


@pytest.mark.parametrize("code", CODES)
def test_a_code_is_a_plain_word_with_one_line_of_text_that_has_no_value(code):
    assert code.replace("_", "").islower()
    assert CODES[code].isprintable()
    assert not CODES[code].endswith(".")
    assert error_list([Fault(code, 3, "backlog", "C-311")], FORMATS["csv"].locate)[0]["detail"] == CODES[code]
