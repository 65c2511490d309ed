"""A Python client that openapi-python-client generates from the document scores orders on the real service."""

import json

import pytest

from tests.deploy.programs import TOOLS, output
from tests.facts import ORDERS, SCORES
from tests.servers import running

pytestmark = pytest.mark.deploy

SCRIPT = """
import json, sys
from delivery_risk_client import Client
from delivery_risk_client.api.scoring import score
from delivery_risk_client.models import Decision, Order, Records

batch = Records(orders=[Order.from_dict(order) for order in json.loads(sys.argv[2])])
answer = score.sync(client=Client(sys.argv[1]), body=batch)
assert type(answer) is Decision
print(json.dumps([result.score for result in answer.results]))
"""


def test_a_generated_client_gets_one_type_of_answer_and_its_scores(tmp_path):
    (tmp_path / "config.yml").write_text("post_hooks: []\n")
    with running() as server:
        (tmp_path / "openapi.json").write_bytes(server.call("GET", "/openapi.json")[2])
        command = ["generate", "--path", "openapi.json", "--config", "config.yml", "--output-path", "made"]
        output("openapi-python-client", *command, cwd=tmp_path)
        (tmp_path / "made" / "use.py").write_text(SCRIPT)
        used = [str(TOOLS / "bin" / "python"), "use.py", f"http://127.0.0.1:{server.port}", json.dumps(ORDERS)]
        assert json.loads(output(*used, cwd=tmp_path / "made")) == SCORES
