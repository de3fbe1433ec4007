"""The embeddings service of an operator: requests, and safe handling of any response."""

import math
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import numpy as np
import orjson
import pytest

from graphql_api.errors import EmbeddingError
from graphql_api.settings.environment import Secret
from graphql_api.upstream import embedding_endpoint
from graphql_api.upstream.embedding_endpoint import EmbeddingEndpoint

Respond = Callable[[httpx.Request], httpx.Response]


class Service:
    """An endpoint over a function that responds; `requests` are those it received."""

    def __init__(self, respond: Respond, key: str = "") -> None:
        self.requests: list[httpx.Request] = []
        self._respond = respond
        transport = httpx.MockTransport(self._handle)
        self.endpoint = EmbeddingEndpoint("http://127.0.0.1:1/v1/", "small", Secret(key), transport)

    def _handle(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        return self._respond(request)


def with_body(body: bytes) -> Respond:
    return lambda _: httpx.Response(200, content=iter([body]))


def with_data(*data: Any) -> Respond:
    return with_body(orjson.dumps({"data": data}))


def item(index: Any, *numbers: Any) -> dict[str, Any]:
    return {"index": index, "embedding": numbers}


def test_requests_follow_the_openai_api_and_vectors_are_normalised() -> None:
    service = Service(with_data(item(1, 0, 5), item(0, 3, 4)), key="secret")
    vectors = service.endpoint.documents(["kok", "bakker"])

    assert vectors.dtype == np.float32
    assert np.allclose(vectors, [[0.6, 0.8], [0, 1]])
    (request,) = service.requests
    assert str(request.url) == "http://127.0.0.1:1/v1/embeddings"
    assert orjson.loads(request.content) == {"model": "small", "input": ["kok", "bakker"]}
    assert request.headers["authorization"] == "Bearer secret"
    assert service.endpoint.id == "small at http://127.0.0.1:1/v1/"


def test_without_a_key_no_authorization_header_is_sent() -> None:
    service = Service(with_data(item(0, 1)))
    service.endpoint.queries(["kok"])

    assert "authorization" not in service.requests[0].headers


@pytest.mark.parametrize(
    "respond",
    [
        lambda _: httpx.Response(500),
        lambda _: httpx.Response(302, headers={"Location": "http://127.0.0.1:2/"}),
        with_body(b"not JSON"),
        with_body(b"[]"),
        with_body(b'{"data": null}'),
        lambda _: httpx.Response(200, headers={"Content-Encoding": "br"}, content=iter([b"x"])),
        with_data(),
        with_data(item(0, 1), item(1, 1)),
        with_data(item(0)),
        with_data(item(0, 0, 0)),
        with_data(item(0, "x")),
        with_data(item(None, 1), item("a", 1)),
        with_data(item(0, 1e39, 1)),
        with_data({"index": 0, "embedding": 7}),
        with_data({"index": 0, "embedding": [[1]]}),
        with_data({"embedding": [1]}),
        with_data("x"),
    ],
)
def test_a_response_that_cannot_be_used_is_an_error(respond: Respond) -> None:
    service = Service(respond)
    with pytest.raises(EmbeddingError):
        service.endpoint.documents(["kok"])

    assert len(service.requests) == 1


def test_vectors_must_have_the_same_length_each_time() -> None:
    lengths = iter([2, 3])
    service = Service(lambda request: with_data(item(0, *[1] * next(lengths)))(request))
    service.endpoint.documents(["kok"])

    with pytest.raises(EmbeddingError, match="length"):
        service.endpoint.documents(["kok"])


def test_reading_ends_at_the_limit_of_size(monkeypatch: pytest.MonkeyPatch) -> None:
    read = 0

    def endless() -> Iterator[bytes]:
        nonlocal read
        while True:
            read += 1000
            yield b" " * 1000

    monkeypatch.setattr(embedding_endpoint, "MAX_COLUMNS", 10)
    service = Service(lambda _: httpx.Response(200, content=endless()))
    with pytest.raises(EmbeddingError, match="too long"):
        service.endpoint.documents(["kok"])

    assert read <= embedding_endpoint.MAX_OVERHEAD + 10 * embedding_endpoint.BYTES_PER_NUMBER + 1000


def test_reading_ends_at_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([0.0, 0.0, 1.0, 61.0, math.inf])
    monkeypatch.setattr(embedding_endpoint.time, "monotonic", lambda: next(times))
    service = Service(lambda _: httpx.Response(200, content=iter([b" "] * 10)))

    with pytest.raises(EmbeddingError, match="too slow"):
        service.endpoint.documents(["kok"])


def test_after_a_failure_searches_do_not_wait_for_the_service(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr(embedding_endpoint.time, "monotonic", lambda: now)

    def down(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    service = Service(down)
    for _ in range(3):
        with pytest.raises(EmbeddingError) as caught:
            service.endpoint.queries(["kok"])
        assert "127.0.0.1" not in str(caught.value)
    assert len(service.requests) == 1

    now = embedding_endpoint.PAUSE + 1
    with pytest.raises(EmbeddingError):
        service.endpoint.queries(["kok"])
    assert len(service.requests) == 2
