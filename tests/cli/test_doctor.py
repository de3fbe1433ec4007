"""The doctor: checks assumptions about a Competent API in few calls, and records responses that can be served."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from jsonschema import Draft202012Validator

from graphql_api.app import create_app
from graphql_api.cli.doctor import CHECKS, MAX_CALLS, Verdict, run_doctor
from graphql_api.cli.doctor.probe import CANARIES, Visit, Visitor
from graphql_api.cli.doctor.recorder import scrubbed
from graphql_api.cli.doctor.report import Environment, environment_of
from graphql_api.sandbox import Fault, Faults, Releases, create_sandbox
from graphql_api.sandbox.replay import Recording, file_name
from graphql_api.settings import Secret, Settings
from graphql_api.upstream import Upstream
from graphql_api.upstream.transport import ASGIApp, AsgiTransport
from tests.conftest import CP_7
from tests.test_docs import ROOT
from tests.variants.mutated_sandbox import Mutated, Original
from tests.variants.mutations import MUTATIONS

KEY = "s3cr3t+key/of=mine"
SETTINGS = replace(Settings(), api_key=Secret(KEY))
SCHEMA = json.loads((ROOT / "docs" / "doctor-report.schema.json").read_text(encoding="utf-8"))

COMPETENCES, PROFILES = "/releases/{release}/technicalcompetences", "/releases/{release}/occupationalprofiles"
IDS = [
    "key-accepted",
    "release-number",
    "release-recent",
    "canaries",
    "base-of-its-own",
    "releases",
    "current-release",
    "release",
    "competences",
    "competence",
    "competence-use",
    "profiles",
    "profile",
    "soft-skills",
    "soft-skill",
    "search",
    "links-name-release",
    "items-have-ids",
    "page-object",
    "pages-differ",
    "page-links",
    "empty-list",
    "page-size",
    "soft-skill-text",
    "competence-fields",
    "profile-fields",
    "embedded-id",
    "embedded-skill",
    "embedded-links",
    "embedded-indicators",
    "unknown-keys",
    "error-object",
    "rate-limit-headers",
    "validators",
    "revalidation",
    "release-immutable",
]


async def visit(app: ASGIApp, canaries: bool = False) -> Visit:
    upstream = Upstream(AsgiTransport(app, SETTINGS), SETTINGS)
    try:
        return await Visitor(upstream.probe, 500, canaries).visit()
    finally:
        await upstream.aclose()


def verdicts_of(seen: Visit) -> Mapping[str, Verdict]:
    return {check.assumed: check.judge(seen)[0] for check in CHECKS}


def judgement(seen: Visit, id: str) -> tuple[Verdict, str]:
    return next(check.judge(seen) for check in CHECKS if check.id == id)


async def report_on(app: ASGIApp, capsys: pytest.CaptureFixture[str], folder: Path | None = None) -> tuple[int, Any]:
    code = await run_doctor(SETTINGS, app, "an API", folder, True)
    report = json.loads(capsys.readouterr().out)
    Draft202012Validator(SCHEMA).validate(report)
    return code, report


def app_that_refuses(app: ASGIApp, status: int, refused: Callable[[str], bool]) -> ASGIApp:
    """The app, except for paths that respond with a status and an empty object."""

    async def answer(scope: Any, receive: Any, send: Any) -> None:
        if not refused(scope["path"]):
            return await app(scope, receive, send)
        await send({"type": "http.response.start", "status": status, "headers": []})
        return await send({"type": "http.response.body", "body": b"{}"})

    return answer


def app_with_changes(app: ASGIApp, change: Callable[[Any], Any]) -> ASGIApp:
    """The app with each document changed."""

    async def answer(scope: Any, receive: Any, send: Any) -> None:
        async def changed(message: Any) -> None:
            if message["type"] == "http.response.start":
                headers = [header for header in message["headers"] if header[0] != b"content-length"]
                message = {**message, "headers": headers}
            elif body := message.get("body"):
                message = {**message, "body": orjson.dumps(change(orjson.loads(body)))}
            await send(message)

        await app(scope, receive, changed)

    return answer


async def test_the_doctor_finds_the_sandbox_usable_with_few_calls(
    releases: Releases, capsys: pytest.CaptureFixture[str]
) -> None:
    requests: list[str] = []
    code, answer = await report_on(create_sandbox(releases, requests=requests), capsys)

    assert code == 0
    assert answer["usable"]
    assert answer["calls"] == len(requests) == len(set(requests)) <= MAX_CALLS
    assert not [path for path in requests if "lang=" in path]
    assert [check["assumption"] for check in answer["checks"]] == [check.assumed for check in CHECKS]


@pytest.mark.parametrize(
    ("mutation", "assumed"),
    [
        ("no list of releases", "`/releases`"),
        ("no document of a release", "`/releases/{release}`"),
        ("current in no path", "`/releases/current`"),
        ("no list of profiles", "`/releases/{release}/occupationalprofiles`"),
        ("no document of a soft skill", "`/releases/{release}/softskills/{uuid}`"),
        ("no search", "`/search`"),
        (
            "no route for the use of a competence",
            "`/releases/{release}/technicalcompetences/{uuid}/occupationalprofiles/used`",
        ),
        ("links that say current", "links below `current` name the numbered release"),
        ("items without codes", "list items have `id` and `code`"),
        ("pages that tell nothing", "lists have a `page` object, with `number` counting from 0"),
        ("pages from 1", "lists have a `page` object, with `number` counting from 0"),
        ("pages counted from 1, said to count from 0", "the second page differs from the first"),
        ("pages described by links alone", "lists have a `page` object, with `number` counting from 0"),
        ("empty lists that are there", "a list without items has no `_embedded`"),
        ("embedded competences without links", "profiles embed competences with links"),
        ("embedded competences without knowledge", "profiles embed competences with skill and knowledge"),
        ("no moments", "profiles have all declared fields"),
    ],
)
async def test_a_wrong_assumption_is_reported(releases: Releases, mutation: str, assumed: str) -> None:
    (wrong,) = (item for item in MUTATIONS if item.name == mutation)

    result = verdicts_of(await visit(Mutated(Original(create_sandbox(releases)), [wrong])))

    assert result[assumed] is Verdict.DOES_NOT


@pytest.mark.parametrize(
    ("fault", "code", "verdicts"),
    [
        (Fault("**", "status", status=503), 1, {"key-accepted": "unknown", "competences": "unknown"}),
        (Fault("/releases/**", "status", status=404), 1, {"release-number": "fails", "competences": "fails"}),
        (Fault(COMPETENCES, "status", status=404), 1, {"competences": "fails", "competence": "unknown"}),
        (Fault(COMPETENCES, "html"), 1, {"competences": "fails"}),
        (Fault(COMPETENCES, "cut"), 1, {"competences": "fails"}),
        (Fault(f"{COMPETENCES}/*", "status", status=404), 1, {"competence": "fails", "competences": "holds"}),
        (Fault(f"{PROFILES}/*", "status", status=500), 1, {"profile": "unknown", "embedded-skill": "unknown"}),
        (Fault(f"{PROFILES}/*", "broken"), 1, {"profile": "fails"}),
        (Fault("/releases/*/softskills", "status", status=429), 1, {"soft-skills": "unknown", "search": "unknown"}),
        (Fault(PROFILES, "status", status=404), 0, {"profiles": "fails", "profile": "holds"}),
        (Fault("/search", "html"), 0, {"search": "fails", "key-accepted": "holds"}),
        (Fault("/releases/current", "status", status=404), 0, {"current-release": "fails", "release-number": "holds"}),
        (Fault("/releases/*/softskills/*", "cut"), 0, {"soft-skill": "fails", "soft-skills": "holds"}),
        (Fault(f"{COMPETENCES}/*/**", "html"), 0, {"competence-use": "fails", "competence": "holds"}),
    ],
    ids=lambda value: f"{value.effect} {value.status} {value.match}" if isinstance(value, Fault) else "",
)
async def test_a_faulty_api_is_usable_unless_a_needed_check_fails(
    releases: Releases, capsys: pytest.CaptureFixture[str], fault: Fault, code: int, verdicts: dict[str, str]
) -> None:
    seen, report = await report_on(create_sandbox(releases, faults=Faults([fault])), capsys)

    verdict_by_id = {check["id"]: check["verdict"] for check in report["checks"]}
    assert {id: verdict_by_id[id] for id in verdicts} == verdicts
    assert (seen, report["usable"]) == (code, code == 0)
    assert report["ended"] is None or fault.status == 429


def test_ids_of_checks_never_change() -> None:
    assert [check.id for check in CHECKS] == IDS


@pytest.mark.parametrize(
    ("url", "environment"),
    [
        ("", "sandbox"),
        ("https://api.vdab.be/services/opendata/competent/v2", "production"),
        ("https://API.VDAB.BE./services/openservices/v1", "production"),
        ("https://api-cbt.vdab.be/services/opendata/competent/v2.1", "test"),
        ("https://api.vdab.be/services/openservices-test/v1", "test"),
        ("https://www.vdab.be/services", "other"),
        ("https://api.vdab.be.example/services", "other"),
        ("https://api-cbt.notvdab.be/", "other"),
        ("http://127.0.0.1:9000", "other"),
    ],
)
def test_the_environment_is_derived_from_the_base_url(url: str, environment: Environment) -> None:
    assert environment_of(url) == environment


def as_vdab(app: ASGIApp, number: str) -> ASGIApp:
    """The sandbox as VDAB's own data: releases of this number, without `source`. It has the known profiles."""

    def change(document: Any) -> Any:
        document.pop("source", None)
        return orjson.loads(orjson.dumps(document).decode().replace("3.11", number))

    changed = app_with_changes(app, change)

    async def answer(scope: Any, receive: Any, send: Any) -> None:
        path = scope["path"].replace(number, "3.11")
        await changed({**scope, "path": path, "raw_path": path.encode()}, receive, send)

    return answer


SLAGER, HELP = (f"/releases/*/occupationalprofiles/{canary.uuid}" for canary in CANARIES)


async def test_an_api_with_the_canary_profiles_and_a_recent_release_passes(releases: Releases) -> None:
    seen = await visit(as_vdab(create_sandbox(releases), "3.28"), canaries=True)

    assert len(seen) <= MAX_CALLS
    assert judgement(seen, "release-recent") == (Verdict.HOLDS, "3.28")
    expected = (Verdict.HOLDS, "Slager: 7511; Huishoudhulp-poetshulp: 5152, 9111")
    assert judgement(seen, "canaries") == expected

    gone = create_sandbox(releases, faults=Faults([Fault(HELP, "status", status=404)]))
    seen = await visit(as_vdab(gone, "3.26"), canaries=True)
    assert judgement(seen, "release-recent") == (Verdict.DOES_NOT, "3.26")
    assert judgement(seen, "canaries") == (Verdict.DOES_NOT, "Slager: 7511; Huishoudhulp-poetshulp: 404")

    down = create_sandbox(releases, faults=Faults([Fault(SLAGER, "status", status=503)]))
    seen = await visit(as_vdab(down, "3.27"), canaries=True)
    assert judgement(seen, "release-recent") == (Verdict.HOLDS, "3.27")
    assert judgement(seen, "canaries")[0] is Verdict.UNKNOWN
    assert judgement(await visit(create_sandbox(releases), canaries=True), "canaries") == expected


async def test_the_sandbox_needs_no_canary_profiles_and_no_recent_release(releases: Releases) -> None:
    seen = await visit(create_sandbox(releases, faults=Faults([Fault(HELP, "status", status=404)])), canaries=True)

    assert judgement(seen, "release-recent") == (Verdict.UNKNOWN, "3.11, sandbox data, not VDAB's")
    assert judgement(seen, "canaries")[0] is Verdict.UNKNOWN
    assert judgement(await visit(create_sandbox(releases)), "canaries")[0] is Verdict.UNKNOWN


async def test_a_base_of_another_taxonomy_is_recognised(releases: Releases) -> None:
    sandbox = create_sandbox(releases)
    assert judgement(await visit(sandbox), "base-of-its-own") == (Verdict.HOLDS, "/softskills: 404")

    async def shared(scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == "/softskills":
            scope = {**scope, "path": "/releases/3.11/softskills", "raw_path": b"/releases/3.11/softskills"}
        await sandbox(scope, receive, send)

    verdict, text = judgement(await visit(shared), "base-of-its-own")
    assert (verdict, text) == (Verdict.DOES_NOT, "/softskills: 200, the reference data of Competent 1")
    another = app_that_refuses(shared, 404, lambda path: path.startswith("/releases"))
    assert "no release: this is not the base of Competent" in judgement(await visit(another), "base-of-its-own")[1]


async def test_undeclared_keys_are_named(releases: Releases, capsys: pytest.CaptureFixture[str]) -> None:
    sandbox, assumed = create_sandbox(releases), "documents have no unknown keys"
    assert verdicts_of(await visit(sandbox))[assumed] is Verdict.HOLDS

    def with_wages(document: Any) -> Any:
        if isinstance(document, list):
            return [with_wages(item) for item in document]
        if not isinstance(document, dict):
            return document
        more = {"[wages]\n" + "x" * 100: 3} if "code" in document else {}
        return {key: with_wages(value) for key, value in document.items()} | more

    code, answer = await report_on(app_with_changes(sandbox, with_wages), capsys)

    (check,) = (check for check in answer["checks"] if check["assumption"] == assumed)
    assert (code, check["verdict"]) == (0, Verdict.DOES_NOT.value)
    named = check["seen"].split(", ")
    assert {"OccupationalProfile", "TechnicalCompetence", "Skill", "OccupationalProfile.economicSectors"} <= {
        name.partition(".[wages]?xx")[0] for name in named
    }
    assert max(map(len, named)) == 60
    assert await run_doctor(SETTINGS, app_with_changes(sandbox, with_wages), "an API", None, False) == 0
    assert "[wages]?xx" in capsys.readouterr().out


async def test_a_key_that_is_refused_and_an_api_that_is_down_are_not_usable(
    releases: Releases, capsys: pytest.CaptureFixture[str]
) -> None:
    requests: list[str] = []
    code, answer = await report_on(create_sandbox(releases, key="another", requests=requests), capsys)
    assert code == 1
    assert answer["checks"][0]["verdict"] == "fails"
    assert "The key is rejected" in answer["ended"]
    assert requests == ["/releases/current"]
    assert {check["verdict"] for check in answer["checks"][1:]} == {"unknown"}

    code, answer = await report_on(create_sandbox(releases, faults=Faults([Fault("**", "status", status=503)])), capsys)
    assert code == 1
    assert not [
        check for check in answer["checks"] if check["assumption"].startswith("`/") and check["verdict"] == "fails"
    ]


@pytest.mark.parametrize(
    ("status", "after", "calls"),
    [(401, 3, 4), (429, 3, 4), (403, 0, 1)],
)
async def test_no_further_calls_are_made_after_a_conclusive_failure(
    releases: Releases, capsys: pytest.CaptureFixture[str], status: int, after: int, calls: int
) -> None:
    requests: list[str] = []

    def refused(path: str) -> bool:
        requests.append(path)
        return len(requests) > after

    assert (
        await run_doctor(SETTINGS, app_that_refuses(create_sandbox(releases), status, refused), "an API", None, False)
        == 1
    )
    assert len(requests) == calls
    printed = capsys.readouterr().out
    assert str(status) in printed
    assert "stopped after this call" in printed


async def test_a_key_refused_on_one_route_is_checked_on_the_others(releases: Releases) -> None:
    seen = await visit(app_that_refuses(create_sandbox(releases), 403, lambda path: path == "/search"))

    assert seen["search"].status == 403
    assert seen["profile"].ok
    assert verdicts_of(seen)["the key is accepted"] is Verdict.HOLDS


async def test_a_url_without_an_api_gives_unknown_verdicts(
    releases: Releases, capsys: pytest.CaptureFixture[str]
) -> None:
    inside = create_sandbox(releases)

    async def elsewhere(scope: Any, receive: Any, send: Any) -> None:
        await inside(scope | {"path": "/nothing" + scope["path"], "raw_path": b"/nothing"}, receive, send)

    code, answer = await report_on(elsewhere, capsys)

    verdicts = {check["assumption"]: check["verdict"] for check in answer["checks"]}
    assert code == 1
    assert verdicts["the key is accepted"] == Verdict.UNKNOWN.value
    assert verdicts["a route returns the number of the current release"] == Verdict.UNKNOWN.value


async def test_a_recording_gives_the_same_verdicts_and_contains_no_key(
    releases: Releases, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sandbox = create_sandbox(releases)

    async def echoing(scope: Any, receive: Any, send: Any) -> None:
        async def with_key(message: Any) -> None:
            if message["type"] == "http.response.start":
                headers = [header for header in message["headers"] if header[0] != b"content-length"]
                more = [(b"x-ibm-client-id", KEY.encode()), (b"etag", KEY.encode()), (b"set-cookie", KEY.encode())]
                message = {**message, "headers": headers + more}
            elif body := message.get("body"):
                message = {**message, "body": orjson.dumps(orjson.loads(body) | {"echo": f"key={KEY}"})}
            await send(message)

        await sandbox(scope, receive, with_key)

    _, answer = await report_on(echoing, capsys, tmp_path)
    files = [file for file in tmp_path.rglob("*") if file.is_file()]
    _, second_report = await report_on(Recording(tmp_path), capsys)

    assert len(files) >= 15
    assert not [file for file in files if KEY in file.read_text() or "cookie" in file.read_text()]
    assert (tmp_path / f"releases/current/technicalcompetences/{CP_7}.json").exists()
    assert KEY not in json.dumps(answer)
    left_out = "revalidation of an unchanged document returns 304"
    verdicts = [
        {check["assumption"]: check["verdict"] for check in report["checks"] if check["assumption"] != left_out}
        for report in (answer, second_report)
    ]
    assert verdicts[0] == verdicts[1]


async def test_a_server_runs_over_a_recording(
    releases: Releases, settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await report_on(create_sandbox(releases), capsys, tmp_path)
    app = create_app(replace(settings, index="off"), Recording(tmp_path))
    query = f'{{ release {{ number }} technicalCompetence(uuid: "{CP_7}") {{ code skill {{ code }} }} }}'

    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://x") as client, app.router.lifespan_context(app):
        answer = (await client.post("/graphql", json={"query": query})).json()

    assert answer["data"] == {
        "release": {"number": "3.11"},
        "technicalCompetence": {"code": "CP-7", "skill": {"code": "SK-3851"}},
    }


@pytest.mark.parametrize("form", [KEY, KEY.upper(), "s3cr3t%2Bkey%2Fof%3Dmine", "czNjcjN0K2tleS9vZj1taW5l"])
def test_the_key_is_scrubbed_in_every_form(form: str) -> None:
    assert form not in json.dumps(scrubbed({form: [f"a {form} b {form}"]}, KEY))


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/releases", "releases.json"),
        ("/releases/3.11/softskills?page=0&size=2", "releases/3.11/softskills,page=0,size=2.json"),
        ("/search?searchValue=../x", "search,searchValue=.._x.json"),
    ],
)
def test_responses_are_saved_in_files_named_after_their_paths(path: str, name: str) -> None:
    assert file_name(path) == name


async def test_the_table_fits_80_columns_without_truncation(
    releases: Releases, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert await run_doctor(Settings(), create_sandbox(releases), "The sandbox [/bold] [x]", None, False) == 0
    out = capsys.readouterr().out

    assert max(map(len, out.splitlines())) <= 80
    assert "…" not in out
    assert "The sandbox [/bold] [x], in 17 calls" in out
    assert "les/used`" in out
