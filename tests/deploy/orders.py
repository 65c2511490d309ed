"""The README's orders and the answer that stands below them."""

import json
import re
import shlex
from typing import Any

from tests.facts import ROOT
from tests.servers import Client

_TRY_IT = (ROOT / "README.md").read_text().split("## Try it\n")[1].split("\n## ")[0]
ORDERS: list[dict[str, Any]] = json.loads(shlex.split(re.findall(r"```sh\n(.*?)```", _TRY_IT, re.DOTALL)[0])[-1])["orders"]
ANSWER: dict[str, Any] = json.loads(re.findall(r"```json\n(.*?)```", _TRY_IT, re.DOTALL)[0])


def check_orders(client: Client) -> None:
    """The README's orders get the README's answer, and a batch of 10,000 gets one too."""
    assert client.score(ORDERS) == ANSWER
    many = [ORDERS[0] | {"order_id": str(number)} for number in range(10_000)]
    assert {result["score"] for result in client.score(many)["results"]} == {ANSWER["results"][0]["score"]}
