from tests.servers import curl, running, until


def test_the_greeting_says_where_it_listens_what_it_serves_and_a_curl_line_that_works():
    with running() as server:
        assert until(lambda: "Try: " in server.log()), server.log()
        said = server.log()
        assert f"Listening at http://127.0.0.1:{server.port}" in said
        assert "Serving delivery-risk 1.0.0 (sha256 " in said
        (line,) = [line for line in said.splitlines() if line.startswith("Try: ")]
        assert said.count("no tokens file: whoever reaches the service may call it") == 1
        assert curl(line.removeprefix("Try: "))["results"][0]["score"] == 0.425557483188341


def test_flags_come_before_the_environment(run):
    done = run("serve", "--workers", "none", "--threads", "0")
    assert done.exit_code == 1
    assert "DELIVERY_RISK_WORKERS: expected a whole number" in done.stderr
    assert "DELIVERY_RISK_THREADS: expected a whole number from 1 to 64" in done.stderr
