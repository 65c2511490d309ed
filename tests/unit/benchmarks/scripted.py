"""A server for tests of clients: it gives prepared answers one after another, on all connections."""

import socketserver
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import cycle


def answer(status: int, body: bytes) -> bytes:
    return b"HTTP/1.1 %d X\r\ncontent-length: %d\r\n\r\n%b" % (status, len(body), body)


@contextmanager
def scripted(answers: Sequence[bytes | None]) -> Iterator[tuple[int, Counter[bytes | None]]]:
    """The port of a server, and how often it has given each of the answers. None closes the connection."""
    turns, given = cycle(answers), Counter[bytes | None]()

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            while self.request.recv(2**20):
                given[content := next(turns)] += 1
                if content is None:
                    return
                self.request.sendall(content)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server.server_address[1], given
        finally:
            server.shutdown()
            thread.join()
