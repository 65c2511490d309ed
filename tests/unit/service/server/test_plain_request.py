"""Plain heads are read as gunicorn's parser reads them, which is the oracle here."""

import random
import socket
import threading
from contextlib import closing
from types import SimpleNamespace

import pytest
from gunicorn.config import Config
from gunicorn.http.parser import RequestParser
from gunicorn.http.wsgi import create

from service.server.plain_request import LONGEST, PlainParser, PlainRequest

BODY = b'{"orders": []}'
NOT_COMPARED = ("wsgi.input", "wsgi.errors", "wsgi.early_hints", "gunicorn.socket")
LINES = [
    b"POST /score HTTP/1.1",
    b"GET /livez HTTP/1.1",
    b"POST /score?on_error=partial HTTP/1.1",
    b"GET /a;b:c//@d?x=%20?y HTTP/1.1",
]
FIELDS = [
    *(
        b"Host: a.example:8000",
        b"host:b",
        b"User-Agent: x/1 (y; z)",
        b"Accept:\t*/* ",
        b"Connection: close",
        b"connection: Keep-Alive",
    ),
    *(
        b"X-Forwarded-For: 1.2.3.4",
        b"X-Forwarded-Proto: https",
        b"X-FORWARDED-PROTO: http",
        b"X-Forwarded-Ssl: on",
        b"X-Empty:",
    ),
    *(b"CONTENT-TYPE: application/json", b"Content-Type: text/csv", b"Authorization: Bearer a b", b"Upgrade: h2c", b"a-1: ~!"),
]
ODD = [
    *(
        b"Transfer-Encoding: chunked",
        b"Expect: 100-continue",
        b"Script_Name: /x",
        b"A b: c",
        b" folded",
        b"X: \x80",
        b"X: a\x00b",
    ),
    *(b"Content-Length: 3", b"content-length: +14", b"Content-Length: 0014", b"X:y\rz", b"no colon", b": empty", b"X\t: y"),
]


@pytest.fixture
def connection():
    with (
        closing(socket.create_server(("127.0.0.1", 0))) as server,
        closing(socket.create_connection(server.getsockname())) as client,
    ):
        accepted, address = server.accept()
        with closing(accepted):
            yield SimpleNamespace(sock=accepted, client=address, server=accepted.getsockname(), peer=client)


@pytest.fixture
def unix_connection(tmp_path):
    with closing(socket.socket(socket.AF_UNIX)) as server, closing(socket.socket(socket.AF_UNIX)) as client:
        server.bind(str(tmp_path / "socket"))
        server.listen()
        client.connect(str(tmp_path / "socket"))
        accepted, address = server.accept()
        with closing(accepted):
            yield SimpleNamespace(sock=accepted, client=address, server=accepted.getsockname(), peer=client)


def config(**given):
    cfg = Config()
    for name, value in {"http_parser": "python", "forwarder_headers": "", **given}.items():
        cfg.set(name, value)
    return cfg


def by_gunicorn(cfg, connection, data):
    """The request, its environ without what is made anew for each request, and its body."""
    request = next(RequestParser(cfg, iter([data]), connection.client))
    _, environ = create(request, connection.sock, connection.client, connection.server, cfg)
    environ["wsgi.multithread"] = True
    return request, {name: value for name, value in environ.items() if name not in NOT_COMPARED}, request.body.read()


def complete(parser, data):
    """The plain request that the data are from the first to the last byte, if they are one."""
    request = parser.read(data, 1)
    return request if request is not None and request.is_complete else None


def assert_same(cfg, connection, plain, data):
    request, environ, body = by_gunicorn(cfg, connection, data)
    assert {name: value for name, value in plain.environ.items() if name not in NOT_COMPARED} == environ
    assert plain.environ["wsgi.input"].read() == body
    assert sorted(plain.headers) == sorted(request.headers)
    names = ("method", "uri", "path", "query", "fragment", "version", "scheme", "trailers", "proxy_protocol_info", "peer_addr")
    assert [getattr(plain, name) for name in names] == [getattr(request, name) for name in names]
    assert plain.should_close() == request.should_close()


def mutated(draw):
    """A request of likely and odd lines, some with a byte changed."""
    lines = [draw.choice(LINES), *draw.sample(FIELDS, draw.randrange(5))]
    lines += draw.sample(ODD, draw.choice([0, 0, 0, 1]))
    body = BODY if draw.random() < 0.7 else b""
    if body:
        lines.insert(draw.randint(1, len(lines)), b"Content-Length: 14")
    data = bytearray(b"\r\n".join([*lines, b"", b""]) + body)
    if draw.random() < 0.4:
        at = draw.randrange(len(data))
        data[at : at + draw.randrange(2)] = draw.choice(
            [b"\r", b"\n", b"\r\n", b" ", b"\t", b"#", b"%", b"?", b"/", b":", b"_", b"\x7f", b"\xff", b"a"]
        )
    return bytes(data)


@pytest.mark.parametrize("cases", [5000, pytest.param(100_000, marks=pytest.mark.long)])
def test_whatever_is_plain_gunicorn_reads_in_the_same_way(cases, connection):
    by_trust = {trusted: config(forwarded_allow_ips="127.0.0.1" if trusted else "10.0.0.1") for trusted in (False, True)}
    draw, plain = random.Random(cases), 0
    for _ in range(cases):
        data, (trusted, cfg) = mutated(draw), draw.choice(list(by_trust.items()))
        found = complete(PlainParser(cfg, connection, trusted=trusted), data)
        if found is not None:
            plain += 1
            assert_same(cfg, connection, found, data)
    assert cases / 5 < plain < cases / 1.5


def test_on_a_unix_socket_the_name_of_the_server_is_that_of_the_host_header(unix_connection):
    cfg = config()
    for host in (b"Host: a.example:81", b"Host: a.example", b"Host: [::1]:81", b"Host:", b"X: y"):
        data = b"GET /livez HTTP/1.1\r\n%b\r\n\r\n" % host
        plain = complete(PlainParser(cfg, unix_connection, trusted=True), data)
        assert_same(cfg, unix_connection, plain, data)


HEAD = b"POST /score HTTP/1.1\r\nHost: x\r\nContent-Length: 14\r\n\r\n"


@pytest.mark.parametrize("line", ODD[:7] + ODD[8:9] + ODD[10:], ids=repr)
def test_what_parsers_could_read_in_two_ways_is_not_plain(line, connection):
    parser = PlainParser(config(), connection, trusted=True)
    assert isinstance(complete(parser, HEAD + BODY), PlainRequest)
    assert complete(parser, HEAD.replace(b"Host: x", line) + BODY) is None


@pytest.mark.parametrize(
    "data",
    [
        *(HEAD[:-2], b"\r\n" + HEAD + BODY, HEAD.replace(b"1.1", b"1.0") + BODY, b""),
        *(
            HEAD.replace(b"POST", b"HEAD") + BODY,
            HEAD.replace(b"/score", b"//score") + BODY,
            HEAD.replace(b"/score", b"*") + BODY,
        ),
        *(HEAD.replace(b"/score", b"/%73core") + BODY, HEAD.replace(b"/score", b"http://x/score") + BODY),
        *(HEAD.replace(b"/score", b"/score#a") + BODY, HEAD.replace(b"Host", b"Content-Length: 14\r\nHost") + BODY),
        *(
            HEAD.replace(b"x", b"x" * LONGEST) + BODY,
            HEAD.replace(b"Host: x", b"\r\n".join(b"X-%d: y" % n for n in range(100))) + BODY,
        ),
        HEAD.replace(b"Host: x", b"X-Forwarded-Proto: https\r\nX-Forwarded-Ssl: on") + BODY,
    ],
    ids=range(14),
)
def test_what_is_no_plain_request_is_left_to_gunicorn(data, connection):
    assert PlainParser(config(), connection, trusted=True).read(data, 1) is None


@pytest.mark.parametrize("data", [HEAD + BODY[:-1], HEAD + BODY + b"G"])
def test_a_request_is_complete_with_its_last_byte_and_nothing_after_it(data, connection):
    parser = PlainParser(config(), connection, trusted=True)
    assert not parser.read(data, 1).is_complete
    assert PlainParser(config(), connection, trusted=True).read(HEAD + BODY, 1).is_complete


@pytest.mark.parametrize(
    ("given", "reads"),
    [
        *(({}, True), ({"proxy_protocol": "auto"}, False), ({"certfile": "x"}, False)),
        *(({"limit_request_line": 4093}, False), ({"limit_request_line": 0}, True), ({"limit_request_field_size": 100}, False)),
    ],
)
def test_heads_are_plain_only_where_gunicorn_would_accept_them_too(given, reads, connection):
    assert PlainParser.reads(config(**given), connection) is reads


def test_fewer_headers_are_permitted_where_gunicorn_permits_fewer(connection):
    parser = PlainParser(config(limit_request_fields=1), connection, trusted=True)
    assert complete(parser, HEAD + BODY) is None
    assert complete(parser, b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n") is not None


@pytest.mark.parametrize("first", ["plain", "chunked"])
def test_requests_on_one_connection_are_read_one_after_another_in_any_pieces(first, connection):
    """A plain request, one of gunicorn's, and a plain one with a body that arrives in pieces and is read in pieces."""
    requests = [HEAD + BODY, b"POST /score HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"]
    requests = requests if first == "plain" else requests[::-1]
    parser = PlainParser(config(), connection, trusted=True)
    connection.peer.sendall(b"".join(requests) + HEAD + BODY[:5])
    bodies = {next(parser).body.read(), next(parser).body.read()}
    assert bodies == {BODY, b"abc"}
    last = next(parser)
    connection.peer.sendall(BODY[5:] + HEAD + BODY)
    assert last.body.read(3) + last.body.read() == BODY
    unread = next(parser)
    connection.peer.sendall(HEAD + BODY)
    assert isinstance(unread, PlainRequest)
    assert next(parser).body.read(20) == BODY


@pytest.mark.parametrize("received", [HEAD + BODY, HEAD + BODY[:5], HEAD])
def test_a_request_that_is_kept_is_the_next_one_and_its_body_is_read_to_its_end(received, connection):
    parser = PlainParser(config(), connection, trusted=True)
    parser.kept = parser.read(received, 1)
    connection.peer.sendall((HEAD + BODY)[len(received) :] + HEAD.replace(b"/score", b"/model") + BODY)
    first = next(parser)
    assert (first.path, first.body.read()) == ("/score", BODY)
    second = next(parser)
    assert (second.path, second.body.read(), second.req_number) == ("/model", BODY, 2)


@pytest.mark.parametrize("size", [100_000, 3_000_000])
def test_a_large_body_is_read_to_its_last_byte_or_ends_early_where_its_client_ends(size, connection):
    content = random.Random(size).randbytes(size)
    head = b"POST /score HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % size
    parser = PlainParser(config(), connection, trusted=True)
    sent = threading.Thread(target=lambda: connection.peer.sendall(head + content + head + content[:-9]))
    sent.start()
    assert next(parser).body.read(size) == content
    cut = next(parser).body
    sent.join()
    connection.peer.shutdown(socket.SHUT_WR)
    assert cut.read(size) == content[:-9]
