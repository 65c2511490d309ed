"""People who use the pages with a browser, in this process: what they see, and the forms that they send."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

from flask import Flask
from werkzeug.datastructures import FileStorage
from werkzeug.test import TestResponse, encode_multipart

from tests.people_pages import PeoplePage

ORIGIN = "http://localhost"


@dataclass
class Visitor:
    """A person with a browser that shows the pages of an application. `environ` is that of each request."""

    app: Flask
    environ: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.client = self.app.test_client()

    def get(self, path: str, **more: Any) -> TestResponse:
        """Open a page."""
        return self.client.get(path, environ_overrides=dict(self.environ), **more)

    def see(self, path: str) -> PeoplePage:
        """What a page shows that opens."""
        answer = self.get(path)
        assert answer.status_code == 200
        return PeoplePage(answer.text)

    def send(self, path: str, fields: Mapping[str, str], files: Mapping[str, bytes] | None = None) -> TestResponse:
        """Send a form of a page, with these fields in place of those that it has."""
        data: dict[str, Any] = {"mark": self.mark(path), **fields}
        data |= {name: FileStorage(BytesIO(content), "orders.csv") for name, content in (files or {}).items()}
        boundary, body = encode_multipart(data)
        return self.client.post(
            path,
            data=body,
            content_type=f"multipart/form-data; boundary={boundary}",
            headers={"Origin": ORIGIN},
            environ_overrides=dict(self.environ),
        )

    def mark(self, path: str) -> str:
        """The mark of the form on a page, empty where the page cannot be opened."""
        return PeoplePage(self.get(path).text).fields.get("mark", "")

    def sign_in(self, token: str) -> TestResponse:
        """Enter a token."""
        return self.send("/ui/sign-in", {"token": token})
