"""How fast pages of the explorer are served once they are cached, and how many bytes a first visit takes.

    python -m benchmarks.pages                       # over the bundled data
    python -m benchmarks.pages --data FILE --page nl/occupations/OP-5

One connection requests a page again and again, with the headers of a browser.
"""

import argparse
import asyncio
import os
import re
import statistics
import time
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from urllib.parse import urljoin

from benchmarks.servers import Serving, serving

HEADERS = {"Accept": "text/html", "Accept-Encoding": "gzip, br", "Accept-Language": "nl", "Connection": "keep-alive"}
WARM_UP, VISITS = 50, 1_000


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", default="", help="an Excel export instead of the bundled data")
    parser.add_argument("--page", default="nl/occupations/OP-101", help="the page to request")
    arguments = parser.parse_args()
    async with serving(**({"COMPETENT_DATA": arguments.data} if arguments.data else {})) as server:
        await asyncio.to_thread(report, server, f"/{arguments.page}")


def report(server: Serving, page: str) -> None:
    """Print the bytes of first visits, and the times of visits of a page that is cached."""
    connection = HTTPConnection("127.0.0.1", server.port)
    wait_for_index(connection)
    for path in ("/nl/", page):
        sizes = first_visit(connection, path)
        print(f"first visit of {path}: {sum(sizes.values()):,} bytes: {sizes}")
    for _ in range(WARM_UP):
        fetch(connection, page)
    before = cpu_seconds(server)
    seconds = sorted(timed(connection, page) for _ in range(VISITS))
    cpu = (cpu_seconds(server) - before) / VISITS
    p50, p99 = statistics.median(seconds), seconds[int(len(seconds) * 0.99)]
    print(f"{page}: p50 {p50 * 1e3:.2f} ms, p99 {p99 * 1e3:.2f} ms, {cpu * 1e3:.2f} ms of processor time of the server")


def cpu_seconds(server: Serving) -> float:
    """The processor time that the server has used."""
    fields = Path(f"/proc/{server.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def wait_for_index(connection: HTTPConnection) -> None:
    """Request the search page until it is there; raises TimeoutError after two minutes."""
    for _ in range(240):
        if fetch(connection, "/nl/search?q=zorg")[0].status == 200:
            return
        time.sleep(0.5)
    raise TimeoutError("the index is not there")


def first_visit(connection: HTTPConnection, path: str) -> dict[str, int]:
    """The bytes of a page and of all that it loads, with response headers, by path."""
    response, body = fetch(connection, path, {"Accept-Encoding": "identity"})
    assert response.status == 200
    assets = re.findall(rb'(?:<link rel="(?:icon|stylesheet)"[^>]*href|<script[^>]*src)="([^"]+)"', body)
    paths = [path, *(urljoin(path, asset.decode()) for asset in assets)]
    return {path.partition("?")[0]: size_of(*fetch(connection, path)) for path in paths}


def size_of(response: HTTPResponse, body: bytes) -> int:
    return len(body) + sum(len(name) + len(value) + 4 for name, value in response.getheaders())


def timed(connection: HTTPConnection, path: str) -> float:
    started = time.perf_counter()
    fetch(connection, path)
    return time.perf_counter() - started


def fetch(connection: HTTPConnection, path: str, headers: dict[str, str] | None = None) -> tuple[HTTPResponse, bytes]:
    connection.request("GET", path, headers=HEADERS | (headers or {}))
    response = connection.getresponse()
    return response, response.read()


if __name__ == "__main__":
    asyncio.run(main())
