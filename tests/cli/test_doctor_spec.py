"""`doctor --spec`: what an OpenAPI document changes for the server, over the sandbox's own and others, whole and damaged."""

import json
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import openapi_spec_validator
import orjson
import pytest
import yaml
from jsonschema import Draft202012Validator
from typer.testing import CliRunner

from graphql_api.cli import command
from graphql_api.cli.doctor.spec import document as reading
from graphql_api.cli.doctor.spec import run_spec
from graphql_api.cli.doctor.spec import samples as sampling
from graphql_api.cli.doctor.spec.compare import compare
from graphql_api.competent.routes import ROUTES, route_of
from graphql_api.sandbox import Releases, create_sandbox
from graphql_api.sandbox.openapi import document
from tests.cli.test_doctor import visit
from tests.test_docs import ROOT

SCHEMA = json.loads((ROOT / "docs" / "doctor-spec.schema.json").read_text(encoding="utf-8"))
SHAPES = Path(__file__).parent / "specifications"
COMPETENCE = "/releases/{release}/technicalcompetences/{uuid}"
COMPETENCES = "/releases/{release}/technicalcompetences"
PROFILE = "/releases/{release}/occupationalprofiles/{uuid}"
PROFILES = "/releases/{release}/occupationalprofiles"
SKILLS = "/releases/{release}/softskills"
SKILL = f"{SKILLS}/{{uuid}}"

Spec = dict[str, Any]
Damage = Callable[[Spec], object]
Row = tuple[str, str, str, str]


def sandbox_spec() -> Spec:
    spec: Spec = json.loads(json.dumps(document()))  # every object once
    return spec


def report_on(spec: object, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, dict[str, Any], set[Row]]:
    """Exit code, report and findings of a document."""
    file = tmp_path / "spec.json"
    file.write_bytes(orjson.dumps(spec))
    return report_of(file, capsys)


def report_of(file: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, dict[str, Any], set[Row]]:
    code = run_spec(file, as_json=True)
    report = json.loads(capsys.readouterr().out)
    Draft202012Validator(SCHEMA).validate(report)
    rows = {(item["severity"], item["rule"], item["path"], item["at"]) for item in report["findings"]}
    return code, report, rows


def schema(spec: Spec, name: str) -> Any:
    return spec["components"]["schemas"][name]


def without_key(spec: Spec, name: str, key: str) -> None:
    del schema(spec, name)["properties"][key]


def with_key(spec: Spec, name: str, key: str, value: object) -> None:
    schema(spec, name)["properties"][key] = value


def renamed_parameter(spec: Spec, path: str, name: str, new: str) -> None:
    for parameter in spec["paths"][path]["get"]["parameters"]:
        if parameter["name"] == name:
            parameter["name"] = new


def get(spec: Spec, path: str) -> Any:
    return spec["paths"][path]["get"]


NUMBER, STRING = {"type": "integer"}, {"type": "string"}
KNOWN_LOSS = ("loses", "key-gone", PROFILE, "digitalSkills.regions")
"""Profiles embed digital skills without regions, in the sandbox's description too."""


def test_the_openapi_document_of_the_sandbox_meets_every_assumption(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, report, rows = report_on(sandbox_spec(), tmp_path, capsys)

    assert (code, report["usable"], report["routes"], report["openapi"]) == (0, True, len(ROUTES), "3.0.3")
    assert rows == {KNOWN_LOSS}


async def test_declared_route_parameters_equal_those_of_requests(releases: Releases) -> None:
    requests: list[str] = []
    await visit(create_sandbox(releases, requests=requests))

    sent: dict[str, set[str]] = {}
    for path in requests:
        if match := route_of(path):
            sent.setdefault(match.route.template, set()).update(parse_qs(urlsplit(path).query))
    assert {template: names for template, names in sent.items() if template != SKILLS} == {
        route.template: set(route.parameters) for route in ROUTES if route.template != SKILLS
    }


@pytest.mark.parametrize(
    ("damage", "findings", "code"),
    [
        (lambda s: s["paths"].pop(COMPETENCE), [("breaks", "path-gone", COMPETENCE, "")], 1),
        (lambda s: s["paths"].pop(COMPETENCES), [("breaks", "path-gone", COMPETENCES, "")], 1),
        (
            lambda s: s["paths"].update({f"{PROFILE}/whole": s["paths"].pop(PROFILE)}),
            [("breaks", "path-gone", PROFILE, ""), ("unknown", "path-unknown", f"{PROFILE}/whole", "")],
            1,
        ),
        (lambda s: s["paths"].pop(SKILL), [("loses", "path-gone", SKILL, "")], 0),
        (lambda s: s["paths"].pop(PROFILES), [("loses", "path-gone", PROFILES, "")], 0),
        (
            lambda s: s["paths"][COMPETENCE].update(post=s["paths"][COMPETENCE].pop("get")),
            [("breaks", "path-gone", COMPETENCE, "")],
            1,
        ),
        (
            lambda s: renamed_parameter(s, COMPETENCES, "page", "pageNumber"),
            [("breaks", "parameter-gone", COMPETENCES, "page")],
            1,
        ),
        (
            lambda s: renamed_parameter(s, COMPETENCES, "size", "limit"),
            [("loses", "parameter-gone", COMPETENCES, "size")],
            0,
        ),
        (
            lambda s: renamed_parameter(s, "/search", "searchValue", "q"),
            [("loses", "parameter-gone", "/search", "searchValue"), ("loses", "parameter-required", "/search", "q")],
            0,
        ),
        (
            lambda s: get(s, COMPETENCE).update(
                parameters=[{"name": "region", "in": "query", "required": True, "schema": STRING}]
            ),
            [("breaks", "parameter-required", COMPETENCE, "region")],
            1,
        ),
        (
            lambda s: s["paths"][PROFILE]["parameters"][1].update(schema=NUMBER),
            [("breaks", "parameter-type", PROFILE, "uuid")],
            1,
        ),
        (
            lambda s: s["components"]["securitySchemes"].update(key={"type": "http", "scheme": "bearer"})
            or s.update(security=[{"key": []}]),
            [("breaks", "credentials", COMPETENCE, "key"), ("loses", "credentials", SKILLS, "key")],
            1,
        ),
        (
            lambda s: with_key(s, "TechnicalCompetence", "skill", STRING),
            [("breaks", "key-type", COMPETENCE, "skill")],  # its id alone has no text
            1,
        ),
        (
            lambda s: with_key(s, "OccupationalProfile", "softSkills", {"type": "array", "items": STRING}),
            [],  # their ids lead to their own documents
            0,
        ),
        (
            lambda s: with_key(s, "TechnicalCompetence", "skill", NUMBER),
            [("breaks", "key-type", COMPETENCE, "skill")],
            1,
        ),
        (
            lambda s: with_key(s, "OccupationalProfile", "title", NUMBER),
            [("breaks", "key-type", PROFILE, "title")],
            1,
        ),
        (
            lambda s: with_key(s, "OccupationalProfile", "lastModified", {"type": "boolean"}),
            [("breaks", "key-type", PROFILE, "lastModified")],
            1,
        ),
        (
            lambda s: with_key(s, "Knowledge", "description", {"type": "object", "properties": {"text": STRING}}),
            [("breaks", "key-type", COMPETENCE, "knowledgeItems.description")],
            1,
        ),
        (
            lambda s: with_key(s, "Term", "title", NUMBER),
            [("breaks", "key-type", PROFILE, f"{name}.title") for name in ("economicSectors", "areasOfInterest")],
            1,
        ),
        (
            lambda s: with_key(s, "TechnicalCompetence", "id", NUMBER),
            [("breaks", "key-type", COMPETENCE, "id")],
            1,
        ),
        (
            lambda s: without_key(s, "TechnicalCompetence", "id"),
            [("breaks", "key-gone", COMPETENCE, "id")],
            1,
        ),
        (
            lambda s: without_key(s, "TechnicalCompetenceItem", "id"),
            [("breaks", "key-gone", COMPETENCES, "[].id")],
            1,
        ),
        (
            lambda s: without_key(s, "EmbeddedTechnicalCompetence", "id"),
            [("breaks", "key-gone", PROFILE, "essentialCompetences.id")],
            1,
        ),
        (
            lambda s: without_key(s, "OccupationalProfile", "specificCompetences"),
            [("breaks", "key-gone", PROFILE, "specificCompetences")],
            1,
        ),
        (
            lambda s: without_key(s, "TechnicalCompetence", "behaviouralIndicators"),
            [("breaks", "key-gone", COMPETENCE, "behaviouralIndicators")],
            1,
        ),
        (
            lambda s: without_key(s, "OccupationalProfile", "economicSectors"),
            [("loses", "key-gone", PROFILE, "economicSectors")],
            0,
        ),
        (
            lambda s: without_key(s, "SoftSkill", "title"),
            [("breaks", "key-gone", SKILL, "title"), ("breaks", "key-gone", SKILLS, "[].title")],
            1,
        ),
        (
            lambda s: without_key(s, "TechnicalCompetence", "skill")
            or with_key(s, "TechnicalCompetence", "description", {"$ref": "#/components/schemas/LocalizedText"}),
            [],  # flat
            0,
        ),
        (
            lambda s: without_key(s, "TechnicalCompetenceList", "_embedded"),
            [("breaks", "list-gone", COMPETENCES, "_embedded")],
            1,
        ),
        (
            lambda s: without_key(s, "Page", "totalElements"),
            [("loses", "page-gone", COMPETENCES, "page.totalElements")],
            0,
        ),
        (
            lambda s: [without_key(s, name, "_links") for name, one in s["components"]["schemas"].items()
                       if "_links" in one.get("properties", ())]
            + [without_key(s, "Release", "number"), without_key(s, "SearchDocument", "releaseNumber")],
            [("breaks", "release-gone", "", "")],
            1,
        ),
        (
            lambda s: get(s, COMPETENCE)["responses"]["200"].update(content={"application/xml": {"schema": {}}}),
            [("breaks", "not-json", COMPETENCE, "")],
            1,
        ),
        (
            lambda s: get(s, COMPETENCES)["responses"]["200"].update(
                content={"application/json": {"schema": {"type": "array", "items": STRING}}}
            ),
            [("breaks", "not-json", COMPETENCES, "")],
            1,
        ),
        (lambda s: get(s, PROFILE).update(deprecated=True), [("unknown", "deprecated", PROFILE, "")], 0),
        (
            lambda s: with_key(s, "Skill", "level", STRING),
            [("unknown", "key-unknown", COMPETENCE, "Skill.level")],
            0,
        ),
        (
            lambda s: s["paths"].update({"/releases/{release}/changes": {"get": {}}}),
            [("unknown", "path-unknown", "/releases/{release}/changes", "")],
            0,
        ),
        (lambda s: get(s, COMPETENCE).pop("responses"), [("unknown", "not-described", COMPETENCE, "")], 0),
        (
            lambda s: with_key(s, "OccupationalProfile", "softSkills", {}),
            [("unknown", "not-described", PROFILE, "softSkills")],
            0,
        ),
    ],
)  # fmt: skip
def test_each_deviation_of_a_document_has_its_finding(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], damage: Damage, findings: list[Row], code: int
) -> None:
    spec = sandbox_spec()
    damage(spec)

    result, report, rows = report_on(spec, tmp_path, capsys)

    assert set(findings) <= rows
    assert {severity for severity, *_ in rows - {KNOWN_LOSS}} == {severity for severity, *_ in findings}
    assert (result, report["usable"]) == (code, code == 0)


@pytest.mark.parametrize("name", ["springdoc.json", "springdoc-3.1.yaml", "swagger-2.yaml"])
def test_documents_in_the_styles_of_generators_are_read(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    expected: Mapping[str, Any] = yaml.safe_load((SHAPES / "expected.yaml").read_text(encoding="utf-8"))[name]
    document = yaml.safe_load((SHAPES / name).read_text(encoding="utf-8"))
    openapi_spec_validator.validate(json.loads(json.dumps(document)))  # statuses as keys become texts

    code, report, rows = report_of(SHAPES / name, capsys)

    assert {(" ".join(filter(None, row))) for row in rows} == set(expected["findings"])
    assert (code, report["prefix"], report["routes"]) == (expected["code"], expected["prefix"], expected["routes"])


def test_json_and_yaml_of_one_document_give_equal_findings(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "spec.yaml"
    file.write_text(yaml.dump(json.loads(json.dumps(sandbox_spec())), sort_keys=False))

    assert report_of(file, capsys)[1]["findings"] == report_on(sandbox_spec(), tmp_path, capsys)[1]["findings"]


def test_a_byte_order_mark_changes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "spec.json"
    file.write_text(json.dumps(sandbox_spec(), indent="\t"), encoding="utf-8-sig")

    assert report_of(file, capsys)[1]["findings"] == report_on(sandbox_spec(), tmp_path, capsys)[1]["findings"]


@pytest.mark.parametrize(
    "keyword", ["allOf", "oneOf", "anyOf", "prefixItems", "items", "enum", "properties", "type", "$ref"]
)
@pytest.mark.parametrize("value", [5, True, "x", {"a": 1}, [5], [None]])
def test_a_keyword_with_a_value_of_the_wrong_type_is_ignored(keyword: str, value: object) -> None:
    spec = sandbox_spec()
    with_key(spec, "Skill", "odd", {"type": "array", "items": {}, keyword: value})

    with suppress(reading.SpecError):  # a reference that leads nowhere
        assert compare(reading.Spec(spec))[1]


def test_control_characters_of_a_file_do_not_reach_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spec = sandbox_spec()
    spec["paths"]["/odd\x1b]0;title\x07\x9b31m"] = {}
    (tmp_path / "spec.json").write_bytes(orjson.dumps(spec))
    (tmp_path / "bad.json").write_bytes(orjson.dumps({"openapi": "9\x1b[31m"}))

    run_spec(tmp_path / "spec.json", as_json=False)
    report = capsys.readouterr().out
    refusal = CliRunner().invoke(command, ["doctor", "--spec", str(tmp_path / "bad.json")]).stderr

    assert "/odd\ufffd]0;title\ufffd\ufffd31m" in report
    assert "version 9\ufffd[31m" in refusal


BOMB = "a: &a [x, x]\n" + "".join(
    f"{after}: &{after} [*{before}, *{before}]\n" for before, after in zip("abcdef", "bcdefg", strict=True)
)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is not an object"),
        ("[1]", "is not an object"),
        ("{", "is not JSON"),
        ("a: [", "is not YAML"),
        ("a: 2026-99-99", "is not YAML"),
        ("\xff", "is not YAML"),
        ("a: !!python/object/apply:os.system [ls]", "is not YAML"),
        ("openapi: 2.5.0", "it is of version 2.5.0"),
        ("swagger: '1.2'", "it is of version 1.2"),
        ("info: {}", "it is of version none"),
        (BOMB, "YAML aliases"),
        ("a: " + "[" * 200 + "]" * 200, "nested more than 100 deep"),
        ('{"a":' * 2000 + "1" + "}" * 2000, "is not JSON"),
        ('{"openapi": "3.0.3", "paths": ' + '{"a":' * 500 + "1" + "}" * 501, "nested more than 100 deep"),
    ],
)
def test_an_unusable_file_is_a_one_line_error_with_exit_code_2(tmp_path: Path, text: str, says: str) -> None:
    file = tmp_path / "spec.yaml"
    file.write_bytes(text.encode("latin-1"))

    result = CliRunner().invoke(command, ["doctor", "--spec", str(file)])

    assert result.exit_code == 2
    assert says in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_file_that_is_too_large_missing_or_a_pipe_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MAX_BYTES", 10)
    (tmp_path / "x").write_text("openapi: 3.0.3")
    os.mkfifo(tmp_path / "z")

    for name, says in (
        ("x", "more than 10 bytes"),
        ("y", "No such file"),
        ("", "Is a directory"),
        ("z", "not a regular"),
    ):
        result = CliRunner().invoke(command, ["doctor", "--spec", str(tmp_path / name)])
        assert (result.exit_code, says in result.stderr) == (2, True)
    result = CliRunner().invoke(command, ["doctor", "--spec", "x", "--record", "y"])
    assert (result.exit_code, "--spec makes no calls" in result.stderr) == (2, True)


@pytest.mark.parametrize(
    ("reference", "says"),
    [
        ("other.yaml#/Skill", "refers to another document"),
        ("https://competent.invalid/openapi.json", "refers to another document"),
        ("#/components/schemas/Nothing", "leads nowhere"),
        ("#/paths/~1releases", "lead in a circle"),
    ],
)
def test_a_reference_is_followed_only_within_the_document(tmp_path: Path, reference: str, says: str) -> None:
    spec = sandbox_spec()
    spec["paths"]["/releases"] = {"$ref": "#/components/pathItems/Releases"}
    spec["components"]["pathItems"] = {"Releases": {"$ref": reference}}
    (tmp_path / "spec.json").write_bytes(orjson.dumps(spec))

    result = CliRunner().invoke(command, ["doctor", "--spec", str(tmp_path / "spec.json")])

    assert (result.exit_code, says in result.stderr) == (2, True)


def test_recursive_schemas_are_read_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec = sandbox_spec()
    reference = {"$ref": "#/components/schemas/OccupationalProfile"}
    with_key(spec, "OccupationalProfile", "related", {"type": "array", "items": reference})

    code, _, rows = report_on(spec, tmp_path, capsys)
    assert (code, rows) == (0, {KNOWN_LOSS, ("unknown", "key-unknown", PROFILE, "OccupationalProfile.related")})

    spec["components"]["schemas"]["Skill"] = {"$ref": "#/components/schemas/Skill"}
    assert ("unknown", "not-described", COMPETENCE, "skill") in report_on(spec, tmp_path, capsys)[2]


def test_exponentially_nested_schemas_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sampling, "MAX_VALUES", 5000)
    spec = sandbox_spec()
    for level in range(20):
        below = {"$ref": f"#/components/schemas/Level{level + 1}"}
        spec["components"]["schemas"][f"Level{level}"] = {"type": "object", "properties": {"a": below, "b": below}}
    spec["components"]["schemas"]["Level20"] = STRING
    with_key(spec, "Skill", "tree", {"$ref": "#/components/schemas/Level0"})
    (tmp_path / "spec.json").write_bytes(orjson.dumps(spec))

    result = CliRunner().invoke(command, ["doctor", "--spec", str(tmp_path / "spec.json")])

    assert (result.exit_code, "describe more than" in result.stderr) == (2, True)


def test_the_report_names_path_key_and_consequence_in_80_columns(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    spec = sandbox_spec()
    spec["paths"].pop(COMPETENCE)
    spec["paths"]["/[bold]x"] = {"get": {}}
    (tmp_path / "spec.json").write_bytes(orjson.dumps(spec))

    assert run_spec(tmp_path / "spec.json", as_json=False) == 1
    out = capsys.readouterr().out

    assert max(map(len, out.splitlines())) <= 80
    assert "has 9 of the 10 routes of this server" in out
    assert "competences are not available." in " ".join(out.split())
    assert "/[bold]x" in out
    assert "This server could not use the API." in out


@pytest.mark.parametrize(
    ("options", "says"),
    [(["--url", ""], "--url is empty"), (["--url", "http://127.0.0.1:9", "--spec", "spec.json"], "makes no calls")],
)
def test_contradictory_options_are_refused(options: list[str], says: str) -> None:
    refused = CliRunner().invoke(command, ["doctor", *options])

    assert refused.exit_code == 2
    assert says in refused.stderr
