"""Upstream failures as clients see them: parents stay, each loss has its path and code, nothing leaks."""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from graphql_api.sandbox import Fault, Releases
from graphql_api.settings import Settings
from tests.conftest import CP_7, Server, running
from tests.upstream.virtual_time import in_virtual_time

QUERY = """{
  occupationalProfile(code: "OP-101") {
    title { nl }
    essentialCompetences { code behaviouralIndicators { code } usedInOccupationalProfiles { totalCount } }
  }
}"""


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ({"effect": "status", "status": 503}, "UPSTREAM_UNAVAILABLE"),
        ({"effect": "status", "status": 500}, "UPSTREAM_UNAVAILABLE"),
        ({"effect": "status", "status": 429, "retry_after": 7}, "UPSTREAM_RATE_LIMITED"),
        ({"effect": "cut"}, "UPSTREAM_INVALID_RESPONSE"),
        ({"effect": "broken"}, "UPSTREAM_INVALID_RESPONSE"),
        ({"effect": "html"}, "UPSTREAM_INVALID_RESPONSE"),
    ],
)
async def test_a_failing_route_fails_only_its_fields(server: Server, fault: dict[str, Any], code: str) -> None:
    server.faults.add(Fault("/releases/*/technicalcompetences/*/occupationalprofiles/used", **fault))

    answer = (await server.post(QUERY)).json()

    competences = answer["data"]["occupationalProfile"]["essentialCompetences"]
    assert all(
        competence["behaviouralIndicators"] and competence["usedInOccupationalProfiles"] is None
        for competence in competences
    )
    # In the order of their paths: which of them failed first is not defined.
    assert sorted(error["path"] for error in answer["errors"]) == [
        ["occupationalProfile", "essentialCompetences", position, "usedInOccupationalProfiles"]
        for position in range(len(competences))
    ]
    assert {error["extensions"]["code"] for error in answer["errors"]} == {code}
    assert {error["extensions"].get("retryAfter") for error in answer["errors"]} == {
        7 if fault.get("retry_after") else None
    }


async def test_a_lost_document_does_not_affect_its_siblings(server: Server) -> None:
    listed = await server.ask('{ occupationalProfile(code: "OP-101") { essentialCompetences { uuid } } }')
    uuid = listed["occupationalProfile"]["essentialCompetences"][1]["uuid"]
    server.faults.add(Fault(f"/releases/*/technicalcompetences/{uuid}", "status", status=502))

    answer = (await server.post(QUERY)).json()

    lost = [
        competence["behaviouralIndicators"] is None
        for competence in answer["data"]["occupationalProfile"]["essentialCompetences"]
    ]
    assert sum(lost) == len(answer["errors"]) == 1


@pytest.mark.parametrize("fault", ["status", "cut", "broken", "html"])
async def test_a_call_that_succeeds_at_the_third_attempt_is_a_success(server: Server, fault: str) -> None:
    server.faults.add(Fault("/releases/3.11/occupationalprofiles/*", fault, times=2))

    assert (await server.ask(QUERY))["occupationalProfile"]["title"] == {"nl": "Verpleegkundige"}
    assert (
        len([path for path in server.upstream_paths() if path.startswith("/releases/3.11/occupationalprofiles/")]) == 3
    )


async def test_concurrent_clients_of_one_uncached_document_cause_one_call(server: Server) -> None:
    await server.ask("{ release { number } }")
    standing = server.faults.add(Fault("/releases/*/technicalcompetences/*", "hang"))
    query = f'{{ technicalCompetence(uuid: "{CP_7}") {{ code skill {{ code }} }} }}'
    server.upstream_paths()

    clients = [asyncio.create_task(server.ask(query)) for _ in range(100)]
    while not server.paths:
        await asyncio.sleep(0)
    clients[0].cancel()
    standing.released.set()
    answers = await asyncio.gather(*clients, return_exceptions=True)

    assert len(server.upstream_paths()) == 1
    assert isinstance(answers[0], asyncio.CancelledError)
    assert [answer["technicalCompetence"]["code"] for answer in answers[1:] if isinstance(answer, dict)] == [
        "CP-7"
    ] * 99


async def test_concurrent_clients_of_one_failing_document_cause_few_calls(server: Server) -> None:
    server.faults.add(Fault("/releases/*/technicalcompetences/*", "status", status=503))
    query = f'{{ technicalCompetence(uuid: "{CP_7}", release: "3.11") {{ code skill {{ code }} }} }}'

    answers = await asyncio.gather(*(server.post(query) for _ in range(300)))

    assert {error["extensions"]["code"] for answer in answers for error in answer.json()["errors"]} == {
        "UPSTREAM_UNAVAILABLE"
    }
    assert 1 <= len(server.upstream_paths()) <= 6


async def test_repeated_requests_for_ten_missing_documents_cause_few_calls(server: Server) -> None:
    query = 'query ($uuid: UUID) { technicalCompetence(uuid: $uuid, release: "3.11") { code } }'
    for number in range(180):
        uuid = CP_7.replace("8c15a1bf", f"{number % 10:08x}")
        assert await server.ask(query, {"uuid": uuid}) == {"technicalCompetence": None}

    assert 10 <= len(server.upstream_paths()) <= 20


async def test_no_host_path_or_trace_reaches_a_client(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    for release, fault in (("current", "status"), ("3.10", "broken"), ("3.11", "html")):
        server.faults.add(Fault(f"/releases/{release}", fault))
        text = (await server.post(QUERY)).text
        assert not [
            word for word in ("vdab.be", "sandbox", "/releases", "Traceback", "httpx", "orjson") if word in text
        ]
    assert "/releases/current UPSTREAM_UNAVAILABLE status 503" in caplog.text


async def test_an_unexpected_exception_is_logged_and_hidden_from_the_client(
    server: Server, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(**fields: object) -> None:
        raise RuntimeError("secret of /internal/host")

    monkeypatch.setattr("graphql_api.schema.query.Release", broken)

    (error,) = await server.errors("{ release { number } }")

    assert error["extensions"]["code"] == "INTERNAL_SERVER_ERROR"
    assert "secret" not in str(error)
    assert "RuntimeError: secret of /internal/host" in caplog.text


DETAILS = "{ code skill { code description { nl } } knowledgeItems { code } behaviouralIndicators { code } }"
NESTED = f"""{{ occupationalProfiles(first: 100) {{ nodes {{
    title {{ nl }} essentialCompetences {DETAILS} optionalCompetences {DETAILS} softSkills {{ code description {{ nl }} }}
}} }} }}"""


async def test_repeating_the_operation_fetches_the_next_documents(releases: Releases, settings: Settings) -> None:
    live = replace(settings, upstream_url="http://competent.test", store="memory:", operation_calls=3)
    query = QUERY.replace("OP-101", "OP-103").replace("usedInOccupationalProfiles { totalCount }", "")
    counts: list[int] = []
    async with running(releases, live) as server:
        while not counts or counts[-1]:
            body = (await server.post(query)).json()
            errors = body.get("errors", [])
            counts.append(len(errors))
            assert 0 < len(server.upstream_paths()) <= 3
            assert {error["extensions"]["code"] for error in errors} <= {"NOT_LOADED_YET"}
            assert {error["extensions"]["retryAfter"] for error in errors} <= {1.0}
            assert all("needs more than 3 documents" in error["message"] for error in errors)
            assert body["data"]["occupationalProfile"]["title"] == {"nl": "Kinesitherapeut"}

    assert len(counts) > 2
    assert counts == sorted(set(counts), reverse=True)  # each try loads more than the one before


async def test_the_in_process_sandbox_has_no_limit_of_calls_per_operation(
    releases: Releases, settings: Settings
) -> None:
    async with running(releases, replace(settings, operation_calls=1)) as server:
        data = await server.ask(NESTED)

        assert len(server.upstream_paths()) > 200
    assert all(
        competence["skill"]["code"]
        for node in data["occupationalProfiles"]["nodes"]
        for competence in node["essentialCompetences"]
    )


@pytest.mark.slow
async def test_after_indexing_a_nested_query_causes_no_upstream_call(
    releases: Releases, settings: Settings, tmp_path: Path
) -> None:
    live = replace(
        settings,
        upstream_url="http://competent.test",
        store="memory:",
        cache_dir=tmp_path,
        operation_calls=5,
        upstream_rate_limit=0,
    )
    async with running(releases, live) as server:
        number = (await server.ask("{ release { number } }"))["release"]["number"]
        await server.app.state.services.indexes.ready(number)
        server.upstream_paths()

        await server.ask(NESTED)
        assert [path for path in server.upstream_paths() if path.count("/") > 3] == []  # lists may have other pages


def test_clients_of_one_failing_document_cause_at_most_six_calls(releases: Releases, settings: Settings) -> None:
    async def run() -> int:
        async with running(releases, settings) as server:
            await server.ask("{ release { number } }")
            server.faults.add(Fault("/releases/*/technicalcompetences/*", "status", status=500))
            server.upstream_paths()
            query = f'{{ technicalCompetence(uuid: "{CP_7}") {{ code skill {{ code }} }} }}'

            for _ in range(6):
                answers = await asyncio.gather(*(server.codes(query) for _ in range(50)))
                assert answers == [["UPSTREAM_UNAVAILABLE"]] * 50
            return len(server.upstream_paths())

    assert 1 <= in_virtual_time(run()) <= 6
