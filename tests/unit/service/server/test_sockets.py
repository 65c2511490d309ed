"""gunicorn's listeners on IPv6 addresses; tests/integration has those of running services."""

import socket
from contextlib import closing

import pytest
from gunicorn.config import Config

from service.server import sockets
from tests.servers import without_ipv6


def listening():
    """A listener on all addresses, on a free port."""
    return closing(sockets.TCP6Socket(("::", 0), Config(), None))


def client_of(listener, family, address):
    """The address of a client of this family, as the service gets it."""
    with socket.socket(family) as client:
        client.connect((address, listener.sock.getsockname()[1]))
        connection, (host, *_) = listener.accept()
        connection.close()
        return host


def test_all_addresses_of_ipv6_are_those_of_ipv4_too_and_a_client_has_its_own():
    with listening() as listener:
        assert str(listener).startswith("http://[::]:")
        assert client_of(listener, socket.AF_INET, "127.0.0.1") == "127.0.0.1"
        assert client_of(listener, socket.AF_INET6, "::1") == "::1"


def test_on_a_machine_without_ipv6_they_are_those_of_ipv4_alone(monkeypatch):
    monkeypatch.setattr(socket, "socket", without_ipv6(socket.socket))
    with listening() as listener:
        assert str(listener).startswith("http://0.0.0.0:")
        assert client_of(listener, socket.AF_INET, "127.0.0.1") == "127.0.0.1"


def test_a_path_that_another_file_has_ends_the_start_with_what_to_do(tmp_path):
    (tmp_path / "file").touch()
    expected = (
        r"^delivery-risk: unix:.+: cannot be bound \(another file has this path\); .* DELIVERY_RISK_BIND to another address$"
    )
    with pytest.raises(SystemExit, match=expected):
        sockets.UnixSocket(str(tmp_path / "file"), Config(), None)
    assert (tmp_path / "file").exists()
