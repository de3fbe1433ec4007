"""A client with little overhead that runs one operation after the other over a keep-alive connection."""

import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import orjson

_HEADERS = {"Content-Type": "application/json", "Accept": "application/json"}


class Client:
    """A client of one server."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._connection = HTTPConnection(f"{parts.hostname}:{parts.port}", timeout=60)
        self._path = parts.path

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, error_class: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()

    def ask(self, body: bytes) -> bytes:
        """The body of the response. Raises RuntimeError if the status is not 200."""
        self._connection.request("POST", self._path, body, _HEADERS)
        answer = self._connection.getresponse()
        content = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{answer.status}: {content[:1000]!r}")
        return content

    def data(self, body: bytes) -> Any:
        """The data of the response. Raises RuntimeError if there are errors."""
        response = orjson.loads(self.ask(body))
        if response.get("errors"):
            raise RuntimeError(f"an answer with errors: {response['errors'][:1]}")
        return response["data"]

    def timed(self, body: bytes) -> float:
        """Seconds until the whole response has arrived."""
        start = time.perf_counter()
        content = self.ask(body)
        took = time.perf_counter() - start
        if b'"errors"' in content:
            raise RuntimeError(f"an answer with errors: {content[:1000]!r}")
        return took


def ask_all(url: str, bodies: Iterable[bytes], clients: int = 16) -> None:
    """Send each body once, with `clients` concurrent clients."""

    def work() -> None:
        with Client(url) as client:
            while (body := next(left, None)) is not None:
                client.data(body)

    left = iter(list(bodies))
    with ThreadPoolExecutor(clients) as pool:
        for done in [pool.submit(work) for _ in range(clients)]:
            done.result()
