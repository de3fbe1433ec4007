"""Responses are correct or an error: failing parts, bad documents, a new current release, links, redirects, bombs."""

import asyncio
import time

from benchmarks.faults.soak import ONE_COMPETENCE, Row, Soak, failed, scenario

PARENTS = """query($u: UUID!) { technicalCompetence(uuid: $u, release: "3.11") {
  uuid usedInOccupationalProfiles(first: 1) { totalCount } } }"""


@scenario("R16")
async def one_route(soak: Soak) -> list[Row]:
    await soak.warm()
    await soak.fail(match="/releases/*/technicalcompetences/*/occupationalprofiles/used")
    seen = [await soak.ask(uuid, query=PARENTS) for uuid in soak.cached]
    complete = sum(response.codes == ["UPSTREAM_UNAVAILABLE"] and not response.wrong for response in seen)
    others = await soak.load(seconds=5)
    return [
        Row(
            "R16",
            "one linked route down: parents in the response, with one coded error each",
            "all; others 0 failed",
            f"{complete} of {len(seen)}; others {failed(others, False):.1f} % failed",
            complete == len(seen) and failed(others, False) == 0,
        )
    ]


@scenario("R18")
async def bad_documents(soak: Soak) -> list[Row]:
    await soak.warm()
    rows: list[Row] = []
    for fault in ("html", "broken", "cut"):
        await soak.fail(fault, ONE_COMPETENCE)
        bad = [soak.new() for _ in range(10)]
        seen = await asyncio.gather(*map(soak.ask, bad))
        await soak.heal()
        healed = time.monotonic()
        left = list(bad)
        while left and time.monotonic() < healed + 20:
            left = [uuid for uuid in left if (await soak.ask(uuid)).codes]
            await asyncio.sleep(0.1)
        after = time.monotonic() - healed
        coded = all(response.codes for response in seen) and not any(response.wrong for response in seen)
        rows.append(
            Row(
                "R18",
                f"{fault}: coded error, and recovery within",
                "<= 8 s",
                f"{after:.1f} s",
                coded and not left and after <= 8,
            )
        )
    return rows


@scenario("S5")
async def bombs(soak: Soak) -> list[Row]:
    await soak.warm()
    before = soak.server.megabytes
    most = before

    async def watch() -> None:
        nonlocal most
        while True:
            most = max(most, soak.server.megabytes)
            await asyncio.sleep(0.005)

    watching = asyncio.ensure_future(watch())
    seen = await asyncio.gather(*(soak.ask(soak.new("b0b0")) for _ in range(12)))
    watching.cancel()
    refused = sum(response.codes == ["UPSTREAM_INVALID_RESPONSE"] for response in seen)
    return [
        Row(
            "S5",
            "12 gzip bombs of 64 MB at the same time",
            "refused, <= 160 MB more",
            f"{refused} refused, {most - before:.0f} MB",
            refused == 12 and most - before <= 160,
        )
    ]


MOVING = """query($u: UUID!) { release { number } technicalCompetence(uuid: $u) { uuid code release { number } }
  same: technicalCompetence(uuid: $u) { code release { number } } }"""


@scenario("R17", COMPETENT_CURRENT_TTL="0.2")
async def moving(soak: Soak) -> list[Row]:
    """Check for mixed releases: each competence of the upstream has its release number in its code."""
    seen: list[set[str]] = []
    wrong = failures = 0
    until = time.monotonic() + soak.seconds

    async def client() -> None:
        nonlocal wrong, failures
        while time.monotonic() < until:
            uuid = soak.new()
            answer = await soak.answer(MOVING, u=uuid)
            failures += bool(answer.get("errors"))
            if answer.get("data") and not answer.get("errors"):
                things = [answer["data"]["technicalCompetence"], answer["data"]["same"]]
                wrong += things[0]["uuid"] != uuid
                seen.append(
                    {answer["data"]["release"]["number"]}
                    | {item["release"]["number"] for item in things}
                    | {item["code"].partition("@")[2] for item in things}
                )
            await asyncio.sleep(0.5)

    async def move() -> None:
        for n in range(int(soak.seconds)):
            await soak.order("current", number=("3.10", "3.11")[n % 2])
            await asyncio.sleep(1)

    await asyncio.gather(move(), *(client() for _ in range(20)))
    mixed = sum(len(line) > 1 for line in seen)
    numbers = sorted(set.union(*seen))
    return [
        Row(
            "R17",
            "`current` moves every second: responses that mix two releases, or have a wrong id",
            "0",
            f"{mixed} and {wrong} of {len(seen)}, reporting {' and '.join(numbers)}; {failures} failed",
            mixed == wrong == failures == 0 and numbers == ["3.10", "3.11"],
        )
    ]


@scenario("S4")
async def elsewhere(soak: Soak) -> list[Row]:
    """Check that a listener to which links and redirects point is never called."""
    calls = 0

    async def called(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal calls
        calls += 1
        writer.close()

    trap = await asyncio.start_server(called, "127.0.0.1", 0)
    async with trap:
        await soak.order("trap", port=str(trap.sockets[0].getsockname()[1]))
        sent = await asyncio.gather(*(soak.ask(soak.new("4edd")) for _ in range(20)))
        linked = await asyncio.gather(*(soak.ask(soak.new("11ec"), query=PARENTS) for _ in range(20)))
    coded = sum(message.codes == ["UPSTREAM_INVALID_RESPONSE"] for message in sent)
    right = sum(not item.codes and not item.wrong for item in linked)
    return [
        Row(
            "S4",
            "20 redirects and 20 documents with links to another host: calls to that host",
            "0; redirects refused, links used by their path only",
            f"{calls}; {coded} refused, {right} served",
            (calls, coded, right) == (0, 20, 20),
        )
    ]
