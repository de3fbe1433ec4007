"""A soak with real sockets: fifty clients, our server, an upstream that fails; each promise with the figure reached.

    python benchmarks/faults.py [--seconds 60] [R4 R6 …]

Prints a table in Markdown. The promises are those of docs/resilience.md; tests show each of them in virtual time.
"""

import asyncio
import contextlib
import os
import signal
import socket
import sys
import time
from argparse import ArgumentParser
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

import aiohttp

HERE = Path(__file__).parent
CLIENTS = 50
COMPETENCES = "/releases/3.11/technicalcompetences/"
QUERY = 'query($u: UUID!) { technicalCompetence(uuid: $u, release: "3.11") { uuid skill { code } } }'
PARENTS = """query($u: UUID!) { technicalCompetence(uuid: $u, release: "3.11") {
  uuid usedInOccupationalProfiles(first: 1) { totalCount } } }"""


@dataclass(slots=True)
class Seen:
    """What one client got."""

    at: float
    seconds: float
    known: bool
    codes: list[str]
    stale: bool
    wrong: bool


@dataclass
class Soak:
    """The upstream, the server, and what is asked of both."""

    http: aiohttp.ClientSession
    server: str
    upstream: str
    process: asyncio.subprocess.Process
    seconds: float
    random: Random = field(default_factory=lambda: Random(11))  # noqa: S311
    known: list[str] = field(default_factory=list)

    def new(self, prefix: str = "") -> str:
        """An id that nobody has asked for."""
        text = str(UUID(int=self.random.getrandbits(128)))
        return prefix + text[len(prefix) :]

    async def ask(self, uuid: str, known: bool = False, query: str = QUERY) -> Seen:
        """One operation."""
        began = time.monotonic()
        try:
            async with self.http.post(
                f"{self.server}/graphql", json={"query": query, "variables": {"u": uuid}}
            ) as response:
                told = await response.json()
        except (aiohttp.ClientError, OSError, ValueError) as error:
            told = {"errors": [{"extensions": {"code": type(error).__name__}}]}
        thing = (told.get("data") or {}).get("technicalCompetence")
        codes = [each["extensions"]["code"] for each in told.get("errors", ())]
        stale = bool(told.get("extensions", {}).get("upstream", {}).get("stale"))
        wrong = bool(thing) and thing["uuid"] != uuid
        return Seen(began, time.monotonic() - began, known, codes, stale, wrong)

    async def warm(self, count: int = 50) -> None:
        """Documents that the server knows from now on."""
        self.known = [self.new() for _ in range(count)]
        for uuid in self.known:
            seen = await self.ask(uuid)
            assert not seen.codes, seen

    async def load(self, unknown: float = 30.0, known: float = 30.0, seconds: float | None = None) -> list[Seen]:
        """Fifty clients, each asking at its own pace, so many unknown and known documents a second all together."""
        until = time.monotonic() + (seconds or self.seconds)
        pause = CLIENTS / (unknown + known)
        seen: list[Seen] = []

        async def client() -> None:
            await asyncio.sleep(self.random.uniform(0, pause))
            while (began := time.monotonic()) < until:
                stored = bool(self.known) and self.random.random() < known / (unknown + known)
                seen.append(await self.ask(self.random.choice(self.known) if stored else self.new(), stored))
                await asyncio.sleep(max(pause - (time.monotonic() - began), 0))

        await asyncio.gather(*(client() for _ in range(CLIENTS)))
        return seen

    async def fail(self, kind: str = "status", match: str = "**", **more: Any) -> None:
        """A fault, from now on."""
        async with self.http.post(
            f"{self.upstream}/sandbox/faults", json={"match": match, "kind": kind, **more}
        ) as done:
            assert done.status == 201, await done.text()

    async def heal(self) -> None:
        """No fault any more."""
        await self.http.delete(f"{self.upstream}/sandbox/faults")

    async def book(self, anew: bool = True) -> dict[str, Any]:
        """What upstream was asked since the book was begun."""
        method = self.http.delete if anew else self.http.get
        async with method(f"{self.upstream}/book") as response:
            told: dict[str, Any] = await response.json(content_type=None)
            return told

    def memory(self) -> float:
        """Megabytes that the server takes now."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0]) / 1024


def failed(seen: list[Seen], known: bool) -> float:
    """The share of these that failed, in percent."""
    some = [each for each in seen if each.known == known]
    return 100 * sum(bool(each.codes) for each in some) / max(len(some), 1)


def p99(seen: list[Seen]) -> float:
    """Milliseconds, of known documents."""
    times = sorted(each.seconds for each in seen if each.known)
    return 1000 * times[int(len(times) * 0.99)] if times else 0.0


def keys(seen: list[Seen]) -> int:
    """Documents that were unknown."""
    return sum(not each.known for each in seen)


Rows = list[tuple[str, str, str, str, bool]]
Scenario = Callable[[Soak], Awaitable[Rows]]
SCENARIOS: dict[str, tuple[Scenario, dict[str, str]]] = {}


def scenario(name: str, **settings: str) -> Callable[[Scenario], Scenario]:
    """A scenario by the promises that it shows, with the settings that it needs besides."""

    def add(one: Scenario) -> Scenario:
        SCENARIOS[name] = (one, settings)
        return one

    return add


@scenario("R0")
async def untroubled(soak: Soak) -> Rows:
    """What this machine gives without any fault, to read the times below by."""
    await soak.warm()
    seen = await soak.load()
    told = (
        f"known {failed(seen, True):.1f} % failed, p99 {p99(seen):.0f} ms; unknown {failed(seen, False):.1f} % failed"
    )
    return [("", "no fault, for comparison", "", told, True)]


@scenario("R1")
async def hanging(soak: Soak) -> Rows:
    await soak.warm()
    await soak.fail("hang", "/releases/*/technicalcompetences/*")
    seen = await soak.load()
    slowest = max(each.seconds for each in seen)
    return [
        (
            "R1",
            "upstream hangs: slowest answer",
            "<= 5.5 s",
            f"{slowest:.2f} s; known {failed(seen, True):.1f} % failed, p99 {p99(seen):.0f} ms",
            slowest <= 5.5 and failed(seen, True) == 0,
        )
    ]


async def brownout(soak: Soak, name: str, errors: float, hangs: float, most: float, calls: float) -> Rows:
    await soak.warm()
    await soak.book()
    await soak.fail(rate=errors)
    await soak.fail("hang", rate=hangs / (1 - errors))
    seen = await soak.load()
    asked = sum(path.removeprefix(COMPETENCES) not in soak.known for _, path, *_ in (await soak.book())["calls"])
    each_key = asked / keys(seen)
    return [
        (
            name,
            f"{errors:.0%} 503, {hangs:.0%} timeouts",
            f"known 0 failed, p99 <= 150 ms; unknown <= {most:g} % failed at <= {calls:g} calls a key",
            f"{failed(seen, True):.1f} %, {p99(seen):.0f} ms; {failed(seen, False):.2f} % at {each_key:.2f} ({keys(seen)} keys)",
            failed(seen, True) == 0 and failed(seen, False) <= most and each_key <= calls and p99(seen) <= 150,
        )
    ]


@scenario("R2")
async def brownout_light(soak: Soak) -> Rows:
    return await brownout(soak, "R2", 0.10, 0.03, 1.0, 1.2)


@scenario("R3")
async def brownout_heavy(soak: Soak) -> Rows:
    return await brownout(soak, "R3", 0.30, 0.10, 10.0, 1.65)


@scenario("R4 R6 R10 R20", COMPETENT_KEEP_RELEASE="2")
async def dead(soak: Soak) -> Rows:
    await soak.warm()
    await asyncio.sleep(2.5)
    await soak.book()
    before = soak.memory()
    await soak.fail()
    seen = await soak.load()
    book = await soak.book()
    grown = soak.memory() - before
    unknown = [path for _, path, *_ in book["calls"] if path.removeprefix(COMPETENCES) not in soak.known]
    later = [each for each in seen if not each.known and each.at > seen[0].at + 5]
    quick = sorted(each.seconds for each in later)[int(len(later) * 0.95)]
    stale = [each for each in seen if each.known and not each.codes]
    await soak.heal()
    healed = time.monotonic()
    well = [each.at - healed for each in await soak.load(seconds=8) if each.codes]
    recovered = max(well, default=0.0)
    return [
        (
            "R4",
            "dead upstream, 30 unknown a second: calls a second for them",
            "<= 5",
            f"{len(unknown) / soak.seconds:.1f} ({len(book['calls']) / soak.seconds:.1f} with revalidations)",
            len(unknown) / soak.seconds <= 5,
        ),
        ("R6", "breaker open: unknown fails within (p95)", "<= 300 ms", f"{1000 * quick:.0f} ms", quick <= 0.3),
        ("R6", "recovers after the fault", "<= 5 s", f"{recovered:.1f} s", recovered <= 5),
        (
            "R10, R11",
            "503: known data",
            "0 failed, p99 <= 150 ms, said to be stale",
            f"{failed(seen, True):.1f} % failed, {p99(seen):.0f} ms, "
            f"{100 * sum(each.stale for each in stale) / max(len(stale), 1):.0f} % said so",
            failed(seen, True) == 0 and p99(seen) <= 150 and all(each.stale for each in stale),
        ),
        ("R20", "memory grown during the fault", "<= 80 MB", f"{grown:.0f} MB", grown <= 80),
    ]


@scenario("R5")
async def retry_after(soak: Soak) -> Rows:
    await soak.warm()
    await soak.book()
    await soak.fail(match="/releases/*/technicalcompetences/*", status=429, retryAfter=3, rate=0.02)
    seen = await soak.load()
    calls = (await soak.book())["calls"]
    # A tenth of a second for what was on its way when upstream said so.
    told = [at for *_, status, at in calls if status == 429]
    inside = sum(path.startswith(COMPETENCES) and at + 0.1 < came < at + 2.9 for at in told for came, path, *_ in calls)
    windows = len(told)
    return [
        (
            "R5",
            "calls inside a `Retry-After`",
            "0",
            f"{inside} in {windows} windows; known {failed(seen, True):.1f} % failed",
            inside == 0,
        )
    ]


@scenario("R7")
async def bulkhead(soak: Soak) -> Rows:
    await soak.fail("slow", "/releases/*/technicalcompetences/*", seconds=0.5)
    await soak.book()
    await soak.load(unknown=200, known=0)
    most = (await soak.book())["most"]
    return [("R7", "calls at once", "<= 40", str(most), most <= 40)]


@scenario("R9")
async def coalescing(soak: Soak) -> Rows:
    await soak.warm(1)
    rows: Rows = []
    for what, most in (("unknown", 1), ("failing", 6)):
        if what == "failing":
            await soak.fail(match="/releases/*/technicalcompetences/*")
        await soak.book()
        uuid = soak.new()
        for _ in range(6):
            await asyncio.gather(*(soak.ask(uuid) for _ in range(CLIENTS)))
        calls = sum(uuid in path for _, path, *_ in (await soak.book())["calls"])
        rows.append(("R9", f"300 clients, one {what} key: calls", f"<= {most}", str(calls), calls <= most))
    return rows


@scenario("R11", COMPETENT_KEEP_RELEASE="1")
async def stale_if_error(soak: Soak) -> Rows:
    await soak.warm()
    rows: Rows = []
    for what, fault in (
        ("hangs", {"kind": "hang"}),
        ("429", {"status": 429, "retryAfter": 5}),
        ("HTML", {"kind": "html"}),
    ):
        await asyncio.sleep(1.5)
        await soak.fail(**fault)  # type: ignore[arg-type]
        seen = await soak.load(unknown=0.001, known=60, seconds=max(soak.seconds / 3, 3))
        await soak.heal()
        stale = [each for each in seen if each.known]
        rows.append(
            (
                "R11",
                f"upstream {what}: known, no longer fresh",
                "0 failed, p99 <= 150 ms, said to be stale",
                f"{failed(seen, True):.1f} % failed, {p99(seen):.0f} ms, {100 * sum(e.stale for e in stale) / len(stale):.0f} %",
                failed(seen, True) == 0 and p99(seen) <= 150,
            )
        )
    return rows


@scenario("R12")
async def missing(soak: Soak) -> Rows:
    ids = [soak.new("dead") for _ in range(10)]
    await soak.book()
    for _ in range(18):
        await asyncio.gather(*map(soak.ask, ids))
    calls = sum("/dead" in path for _, path, *_ in (await soak.book())["calls"])
    return [("R12", "10 missing ids, 180 requests: calls", "<= 20", str(calls), calls <= 20)]


@scenario("R13", COMPETENT_PLAN="300")
async def plan(soak: Soak) -> Rows:
    await soak.book()
    await soak.load(unknown=60, known=0)
    times = [at for at, path, *_ in (await soak.book())["calls"] if path.startswith(COMPETENCES)]
    most = max(sum(at <= other < at + 60 for other in times) for at in times)
    return [("R13", "plan of 300, 60 asked a second: calls in any 60 s", "<= 300", str(most), most <= 300)]


@scenario("R16")
async def one_route(soak: Soak) -> Rows:
    await soak.warm()
    await soak.fail(match="/releases/*/technicalcompetences/*/occupationalprofiles/used")
    seen = [await soak.ask(uuid, query=PARENTS) for uuid in soak.known]
    whole = sum(each.codes == ["UPSTREAM_UNAVAILABLE"] and not each.wrong for each in seen)
    others = await soak.load(seconds=5)
    return [
        (
            "R16",
            "one linked route down: parents that stay, with one coded error each",
            "all; others 0 failed",
            f"{whole} of {len(seen)}; others {failed(others, False):.1f} % failed",
            whole == len(seen) and failed(others, False) == 0,
        )
    ]


@scenario("R18")
async def bad_documents(soak: Soak) -> Rows:
    await soak.warm()
    rows: Rows = []
    for kind in ("html", "broken", "cut"):
        await soak.fail(kind, "/releases/*/technicalcompetences/*")
        bad = [soak.new() for _ in range(10)]
        seen = await asyncio.gather(*map(soak.ask, bad))
        await soak.heal()
        healed = time.monotonic()
        left = list(bad)
        while left and time.monotonic() < healed + 20:
            left = [uuid for uuid in left if (await soak.ask(uuid)).codes]
            await asyncio.sleep(0.1)
        after = time.monotonic() - healed
        coded = all(each.codes for each in seen) and not any(each.wrong for each in seen)
        rows.append(
            (
                "R18",
                f"{kind}: coded, and good again after",
                "<= 8 s",
                f"{after:.1f} s",
                coded and not left and after <= 8,
            )
        )
    return rows


@scenario("R19")
async def leaving(soak: Soak) -> Rows:
    await soak.fail("hang", "/releases/*/technicalcompetences/*")
    asking = [asyncio.ensure_future(soak.ask(soak.new())) for _ in range(30)]
    await asyncio.sleep(0.5)
    for each in asking:
        each.cancel()
    await asyncio.gather(*asking, return_exceptions=True)
    await asyncio.sleep(0.5)
    under_way = (await soak.book())["under_way"]
    return [("R19", "clients have left: calls under way after 0.5 s", "0", str(under_way), under_way == 0)]


@scenario("S5")
async def bombs(soak: Soak) -> Rows:
    await soak.warm()
    before = soak.memory()
    most = before

    async def watch() -> None:
        nonlocal most
        while True:
            most = max(most, soak.memory())
            await asyncio.sleep(0.005)

    watching = asyncio.ensure_future(watch())
    seen = await asyncio.gather(*(soak.ask(soak.new("b0b0")) for _ in range(12)))
    watching.cancel()
    refused = sum(each.codes == ["UPSTREAM_INVALID_RESPONSE"] for each in seen)
    return [
        (
            "S5",
            "12 bombs of 64 MB at once",
            "refused, <= 160 MB more",
            f"{refused} refused, {most - before:.0f} MB",
            refused == 12 and most - before <= 160,
        )
    ]


@scenario("R14")
async def stopping(soak: Soak) -> Rows:
    await soak.fail("hang", "/releases/*/technicalcompetences/*")
    asking = [asyncio.ensure_future(soak.ask(soak.new())) for _ in range(10)]
    await asyncio.sleep(0.5)
    began = time.monotonic()
    soak.process.send_signal(signal.SIGTERM)
    await soak.process.wait()
    took = time.monotonic() - began
    broken = sum(each.codes != ["UPSTREAM_TIMEOUT"] for each in await asyncio.gather(*asking))
    return [
        (
            "R14",
            "SIGTERM with a hung upstream",
            "<= 12 s, nothing broken",
            f"{took:.1f} s, {broken} broken",
            took <= 12 and not broken,
        )
    ]


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@asynccontextmanager
async def running(*command: str, **environment: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """A process of ours, ended when done."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *command,
        env=os.environ | environment,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
        await process.wait()


async def answers(http: aiohttp.ClientSession, url: str) -> None:
    """Wait until somebody answers there."""
    for _ in range(300):
        with contextlib.suppress(aiohttp.ClientError):
            async with http.get(url) as response:
                if response.status == 200:
                    return
        await asyncio.sleep(0.1)
    raise SystemExit(f"nobody answers at {url}")


async def run(one: Scenario, settings: dict[str, str], seconds: float) -> Rows:
    """One scenario, over an upstream and a server that are started for it."""
    upstream, server = free_port(), free_port()
    told = {
        "COMPETENT_UPSTREAM_URL": f"http://127.0.0.1:{upstream}",
        "COMPETENT_STORE": "memory:",
        "COMPETENT_INDEX": "off",
        "COMPETENT_PLAN": "0",
        "COMPETENT_LOG": "error",
    }
    async with AsyncExitStack() as stack:
        connector = aiohttp.TCPConnector(limit=0)
        http = await stack.enter_async_context(aiohttp.ClientSession(connector=connector))
        await stack.enter_async_context(running(str(HERE / "faulty_upstream.py"), str(upstream)))
        process = await stack.enter_async_context(
            running("-m", "graphql_api", "serve", "--port", str(server), **(told | settings))
        )
        await answers(http, f"http://127.0.0.1:{upstream}/releases/3.11")
        await answers(http, f"http://127.0.0.1:{server}/health/ready")
        soak = Soak(http, f"http://127.0.0.1:{server}", f"http://127.0.0.1:{upstream}", process, seconds)
        return await one(soak)


def main() -> None:
    """The table, row by row as they are reached; exit code 1 where a promise is not kept."""
    parser = ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--seconds", type=float, default=60.0, help="of load in each scenario")
    parser.add_argument("promises", nargs="*", help="such as R4; all of them where none is named")
    chosen = parser.parse_args()
    kept = True
    print("| | promise | asked | reached | |\n|---|---|---|---|---|", flush=True)
    for name, (one, settings) in SCENARIOS.items():
        if chosen.promises and not set(chosen.promises) & set(name.split()):
            continue
        for number, what, asked, reached, well in asyncio.run(run(one, settings, chosen.seconds)):
            kept &= well
            print(f"| {number} | {what} | {asked} | {reached} | {'kept' if well else '**missed**'} |", flush=True)
    sys.exit(0 if kept else 1)


if __name__ == "__main__":
    main()
