"""Compares the operations of an OpenAPI document with the routes that this server requests and the documents that it reads."""

from collections.abc import Iterator, Sequence
from itertools import chain

from graphql_api.cli.doctor.checks import CHECKS
from graphql_api.cli.doctor.spec.document import Spec
from graphql_api.cli.doctor.spec.findings import SEVERITIES, Finding, Rule
from graphql_api.cli.doctor.spec.operations import Api, SpecOperation, operations
from graphql_api.cli.doctor.spec.samples import RELEASE, UNDESCRIBED, UUID, Sample, Sampler
from graphql_api.cli.doctor.spec.values import clean, concept_findings
from graphql_api.competent import hal, routes
from graphql_api.competent.concept_reader import Notes
from graphql_api.competent.declarations import ConceptType, concept_type
from graphql_api.competent.hal import Document
from graphql_api.competent.normalise import item_type, normalise, type_of_document
from graphql_api.competent.routes import ROUTES, Route
from graphql_api.upstream.headers import KEY_HEADER

_BY_ROUTE = {check.route: check for check in CHECKS if check.route is not None}
_BY_ID = {check.id: check for check in CHECKS}
_SENT_HEADERS = {"accept", "accept-encoding", "user-agent", "content-type", KEY_HEADER.lower()}
"""Names of headers that this server sends or that mean nothing in a GET request, in lower case."""


def compare(spec: Spec) -> tuple[Api, list[Finding]]:
    """The operations of a document and the findings, the most severe first. Raises SpecError if it cannot be read."""
    api = operations(spec)
    sampler = Sampler(spec)
    samples = {
        route: list(sampler.samples(api.by_route[route].schema, f"http://competent.invalid{_path(route)}"))
        for route in ROUTES
        if route in api.by_route and api.by_route[route].schema is not None
    }
    findings = [finding for route in ROUTES for finding in _route_findings(api, route, samples.get(route))]
    if not any(map(_names_release, chain.from_iterable(samples.values()))):
        check = _BY_ID["release-number"]
        findings.append(Finding("breaks", "release-gone", "", "", f"no response has one: {check.otherwise}"))
    findings += [_other_path(api, path) for path in api.others]
    return api, sorted(dict.fromkeys(findings), key=lambda finding: SEVERITIES.index(finding.severity))


def _route_findings(api: Api, route: Route, samples: list[Sample] | None) -> Iterator[Finding]:
    operation = api.by_route.get(route)
    if operation is None:
        reason = "it has no GET" if route in api.without_get else "it is not in the document"
        yield _fallback(route, "path-gone", route.template, "", reason)
        return
    if operation.is_deprecated:
        yield Finding("unknown", "deprecated", operation.path, "", "it is deprecated: look for its successor")
    yield from _parameter_findings(route, operation)
    if samples is None:
        yield _fallback(route, "not-json", operation.path, "", "its response is not JSON")
        return
    if all(sample is UNDESCRIBED for sample in samples):
        yield Finding("unknown", "not-described", operation.path, "", "its response is not described")
    elif not isinstance(samples[0], dict):
        yield _fallback(route, "not-json", operation.path, "", "its response is not an object")
    else:
        yield from _document_findings(route, operation, [sample for sample in samples if isinstance(sample, dict)])


def _other_path(api: Api, path: str) -> Finding:
    is_other = path.rstrip("/") == api.prefix + routes.OTHER_SOFT_SKILLS.template
    message = "it is of another taxonomy" if is_other else "this server does not request it"
    return Finding("unknown", "path-unknown", path, "", message)


def _fallback(route: Route, rule: Rule, path: str, at: str, reason: str) -> Finding:
    """The finding that what a route is for is not possible: with a fallback, unless the route is needed."""
    check = _BY_ROUTE[route]
    return Finding("breaks" if check.needed else "loses", rule, path, at, f"{reason}: {check.otherwise}")


def _parameter_findings(route: Route, operation: SpecOperation) -> Iterator[Finding]:
    queries = operation.names("query")
    for name in route.parameters:
        if name not in queries and queries:  # a list that takes no parameters is complete
            yield _missing_parameter(route, operation, name)
    for parameter in operation.parameters:
        is_sent = {
            "path": True,
            "query": parameter.name in route.parameters,
            "header": parameter.name.lower() in _SENT_HEADERS,
        }.get(parameter.location, False)
        if parameter.is_required and not is_sent:
            reason = "it is required, and this server does not send it"
            yield _fallback(route, "parameter-required", operation.path, parameter.name, reason)
        if parameter.location == "path" and parameter.type in ("integer", "number", "boolean"):
            reason = f"it takes a {parameter.type}; this server sends a string"
            yield _fallback(route, "parameter-type", operation.path, parameter.name, reason)
    for name in operation.needs:
        reason = f"it is required, and this server sends only {KEY_HEADER}"
        yield _fallback(route, "credentials", operation.path, name, reason)


def _missing_parameter(route: Route, operation: SpecOperation, name: str) -> Finding:
    if name == "page" and route is not routes.SEARCH:
        message = "without it only the first page of the list is read"
        return Finding("breaks", "parameter-gone", operation.path, name, message)
    if name == "size":
        message = _BY_ID["page-size"].otherwise
        return Finding("loses", "parameter-gone", operation.path, name, message)
    return _fallback(route, "parameter-gone", operation.path, name, "it is not taken")


def _document_findings(route: Route, operation: SpecOperation, samples: Sequence[Document]) -> Iterator[Finding]:
    path = operation.path
    read = [(sample, normalise(_path(route), clean(sample), notes := Notes()), notes) for sample in samples]
    yield from (
        Finding("unknown", "key-unknown", path, key, "this server drops it")
        for key in dict.fromkeys(key for _, _, notes in read for key in notes.unknown)
    )
    if type_name := type_of_document(route):
        yield from concept_findings(
            path, "", concept_type(type_name), [(raw, document) for raw, document, _ in read], True
        )
    elif route not in (routes.RELEASE, routes.RELEASES):
        yield from _list_findings(route, path, [(raw, document) for raw, document, _ in read])


def _list_findings(route: Route, path: str, pairs: Sequence[tuple[Document, Document]]) -> Iterator[Finding]:
    raw = pairs[0][0]
    embedded = raw.get("_embedded")
    if embedded is UNDESCRIBED or (isinstance(embedded, dict) and UNDESCRIBED in embedded.values()):
        yield Finding("unknown", "not-described", path, "_embedded", "its value is not described")
        return
    items = [(_item(route, sample), document["items"]) for sample, document in pairs]
    if not any(item for item, _ in items):
        yield Finding("breaks", "list-gone", path, "_embedded", "it has no list of objects")
        return
    type = concept_type(item_type(route))
    inner = [(item, read[0] if read else {}) for item, read in items if item]
    yield from concept_findings(path, "[].", type, inner, _is_whole(route, type))
    if route.parameters and not hal.tells_total(clean(raw)):
        check = _BY_ID["page-object"]
        yield Finding("loses", "page-gone", path, "page.totalElements", check.otherwise)


def _item(route: Route, sample: Document) -> Document | None:
    item = next(iter(hal.items(sample)), None)
    if item is not None and route is routes.SEARCH:
        return next(iter(hal.parts(item.get("document"))), None)
    return item


def _is_whole(route: Route, type: ConceptType) -> bool:
    """Whether the items of a list are complete documents."""
    return route == type.collection and type.is_block


def _names_release(sample: Sample) -> bool:
    """Whether a response names its release, or may do so: it is not described."""
    return sample is UNDESCRIBED or (isinstance(sample, dict) and bool(hal.release_numbers(clean(sample))))


def _path(route: Route) -> str:
    return route.path(RELEASE, UUID)
