"""Prints the comparison with an OpenAPI document, as text or as JSON."""

import json
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from graphql_api.cli.bootstrap import printable
from graphql_api.cli.doctor.spec.compare import compare
from graphql_api.cli.doctor.spec.document import Spec, SpecError, read_spec
from graphql_api.cli.doctor.spec.findings import SEVERITIES, Finding, Severity
from graphql_api.cli.doctor.spec.operations import Api
from graphql_api.competent.routes import ROUTES

VERSION = 1
"""The version of the JSON report. Keys may be added to it; increase it when one is removed or changes its meaning."""
_TITLES: dict[Severity, str] = {
    "breaks": "[red]This would break the server:[/]",
    "loses": "The server has a fallback, or leaves a field empty:",
    "unknown": "New to this server, or not described:",
}


def run_spec(file: Path, as_json: bool) -> int:
    """Compare a document and print the findings; return 1 if one would break this server, otherwise 0.

    Raises SpecError if the document cannot be read.
    """
    try:
        spec = read_spec(file)
        api, findings = compare(spec)
    except SpecError as error:
        raise SpecError(f"cannot use {file}: {error}") from None
    breaks = any(finding.severity == "breaks" for finding in findings)
    if as_json:
        print(json.dumps(_object(file, spec, api, findings, not breaks), indent=2, ensure_ascii=False))
    else:
        _print(file, spec, api, findings, breaks)
    return 1 if breaks else 0


def _object(file: Path, spec: Spec, api: Api, findings: list[Finding], usable: bool) -> dict[str, object]:
    """The comparison as JSON; `docs/doctor-spec.schema.json` describes it."""
    return {
        "version": VERSION,
        "spec": file.name,
        "openapi": spec.version,
        "prefix": api.prefix,
        "routes": len(api.by_route),
        "usable": usable,
        "findings": [
            {
                "severity": finding.severity,
                "rule": finding.rule,
                "path": finding.path,
                "at": finding.at,
                "message": finding.message,
            }
            for finding in findings
        ],
    }


def _print(file: Path, spec: Spec, api: Api, findings: list[Finding], breaks: bool) -> None:
    console = Console(highlight=False)
    where = f", below {api.prefix}" if api.prefix else ""
    routes = f"{len(api.by_route)} of the {len(ROUTES)} routes of this server{where}"
    console.print(escape(printable(f"{file.name} (version {spec.version}) has {routes}.")))
    for severity in SEVERITIES:
        of_severity = [finding for finding in findings if finding.severity == severity]
        if of_severity:
            console.print(f"\n{_TITLES[severity]}")
        for finding in of_severity:
            where = " ".join(filter(None, (finding.path, finding.at)))
            text = f"- {where}: {finding.message}." if where else f"- {finding.message}."
            console.print(escape(printable(text)))
    console.print("\n[red]This server could not use the API.[/]" if breaks else "\nThis server can use the API.")
