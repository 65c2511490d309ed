import pytest

from tests.facts import SCORES
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
