import pytest

from model.artifact import model_file
from model.core.manifest import Context, Feature, Input
from tests.facts import SCORES
from tests.raw_orders import raw_model
from tests.servers import curl, running, until


def test_the_greeting_shows_the_address_the_model_and_a_curl_line_that_works():
    with running() as server:
        off = "authentication is off: no tokens file is set"
        assert until(lambda: "Try: " in server.log() and off in server.log()), server.log()
        printed = server.log()
        assert f"Listening at http://127.0.0.1:{server.port}" in printed
        assert "Serving delivery-risk 1.0.0 (sha256 " in printed
        (line,) = [line for line in printed.splitlines() if line.startswith("Try: ")]
        assert [printed.count(warning) for warning in (off, "the model is illustrative: ")] == [1, 1]
        assert curl(line.removeprefix("Try: "))["results"][0]["score"] == SCORES[0]


def test_the_command_that_it_prints_scores_an_order_whose_texts_have_quotes(tmp_path):
    carrier = Input("carrier", kind="category", values=("it's",))
    features = [Feature("carrier_its", "carrier", "is", ("it's",))]
    made = raw_model([carrier], features, {"carrier": "it's"}, context=(Context("lane", ("l'ouest",)),))
    model_file.write(made, tmp_path / "raw.npz")
    with running(DELIVERY_RISK_MODEL=str(tmp_path / "raw.npz")) as server:
        assert until(lambda: "Try: " in server.log()), server.log()
        (line,) = [line for line in server.log().splitlines() if line.startswith("Try: ")]
        (result,) = curl(line.removeprefix("Try: "))["results"]
        assert result["context"] == {"lane": "l'ouest"}


@pytest.mark.parametrize("option", ["--host=0.0.0.0", "--port=9000"])
def test_options_of_other_servers_suggest_the_one_of_this(run, option):
    done = run("serve", option)
    assert (done.exit_code, done.stderr.splitlines()[-1]) == (2, f"Error: No such option '{option[:6]}'. Use --bind HOST:PORT.")
    assert "--host" not in run("serve", "--help").stdout


def test_options_override_the_environment(run):
    done = run("serve", "--workers", "none", "--threads", "0")
    assert done.exit_code == 1
    assert "DELIVERY_RISK_WORKERS: expected a whole number" in done.stderr
    assert "DELIVERY_RISK_THREADS: expected a whole number from 1 to 64" in done.stderr
