"""The GET operations of an OpenAPI document: their parameters, and the schema of their successful response."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from graphql_api.cli.doctor.spec.document import Node, Spec, items
from graphql_api.competent.routes import ROUTES, Route
from graphql_api.upstream.headers import KEY_HEADER

_PARAMETER = re.compile(r"\{[^/{}]*\}")
_SUCCESS = ("200", "2XX", "DEFAULT")


@dataclass(frozen=True)
class Parameter:
    """A parameter of an operation. `location` is `query`, `path`, `header`, `cookie` or `body`."""

    name: str
    location: str
    is_required: bool
    type: str


@dataclass(frozen=True)
class SpecOperation:
    """The GET operation of a path; `schema` is None if its response is not JSON, and empty if it is not described."""

    path: str
    parameters: tuple[Parameter, ...]
    schema: object
    is_deprecated: bool
    needs: tuple[str, ...]
    """The credentials that it requires and this server does not send, by name."""

    def names(self, location: str) -> set[str]:
        """The names of its parameters in one location."""
        return {parameter.name for parameter in self.parameters if parameter.location == location}


@dataclass(frozen=True)
class Api:
    """The operations by route, and the paths of all others. `prefix` is what all paths begin with, before `/releases`."""

    prefix: str
    by_route: dict[Route, SpecOperation]
    without_get: frozenset[Route]
    others: tuple[str, ...]


def operations(spec: Spec) -> Api:
    """The operations of a document, matched with the routes that this server requests. Raises SpecError."""
    paths = {str(path): spec.resolve(item) for path, item in spec.resolve(spec.root.get("paths")).items()}
    by_shape = {_PARAMETER.sub("{}", path).rstrip("/"): path for path in paths if path.startswith("/")}
    prefix = _prefix(by_shape)
    by_route: dict[Route, SpecOperation] = {}
    without_get = []
    used = set()
    for route in ROUTES:
        path = by_shape.get(prefix + _shape(route))
        if path is None:
            continue
        used.add(path)
        if isinstance(paths[path].get("get"), dict):
            by_route[route] = _operation(spec, path, paths[path])
        else:
            without_get.append(route)
    return Api(prefix, by_route, frozenset(without_get), tuple(path for path in paths if path not in used))


def _shape(route: Route) -> str:
    return _PARAMETER.sub("{}", route.template)


def _prefix(shapes: dict[str, str]) -> str:
    """The prefix under which most routes are found; of equal ones the shortest."""
    prefixes = Counter(
        shape.removesuffix(_shape(route)) for shape in shapes for route in ROUTES if shape.endswith(_shape(route))
    )
    return max(prefixes, key=lambda prefix: (prefixes[prefix], -len(prefix)), default="")


def _operation(spec: Spec, path: str, item: Node) -> SpecOperation:
    get = item["get"]
    parameters: dict[tuple[str, str], Parameter] = {}
    for raw in (*items(item.get("parameters")), *items(get.get("parameters"))):  # those of the operation replace others
        parameter = _parameter(spec, spec.resolve(raw))
        parameters[parameter.location, parameter.name] = parameter
    body = spec.resolve(get.get("requestBody"))
    if body.get("required") is True:
        parameters["body", "body"] = Parameter("body", "body", True, "")
    return SpecOperation(
        path,
        tuple(parameters.values()),
        _schema(spec, get),
        get.get("deprecated") is True,
        _needs(spec, get.get("security", spec.root.get("security"))),
    )


def _parameter(spec: Spec, node: Node) -> Parameter:
    schema = spec.resolve(node.get("schema")) or node
    type_name = schema.get("type")
    return Parameter(
        str(node.get("name")),
        str(node.get("in")),
        node.get("required") is True,
        type_name if isinstance(type_name, str) else "",
    )


def _schema(spec: Spec, get: Node) -> object:
    responses = {str(status).upper(): response for status, response in spec.resolve(get.get("responses")).items()}
    response = spec.resolve(next((responses[status] for status in _SUCCESS if status in responses), None))
    if spec.is_swagger:
        return response.get("schema", {})
    content = spec.resolve(response.get("content"))
    if not content:
        return {}
    bodies = (spec.resolve(body) for media_type, body in content.items() if _is_json(str(media_type)))
    return next((body.get("schema", {}) for body in bodies), None)


def _is_json(media_type: str) -> bool:
    name = media_type.partition(";")[0].strip().lower()
    return name in ("*/*", "application/*") or name.endswith(("/json", "+json"))


def _needs(spec: Spec, security: object) -> tuple[str, ...]:
    """The schemes of the first alternative that this server cannot satisfy; empty if it can satisfy one."""
    schemes = (
        spec.root.get("securityDefinitions")
        if spec.is_swagger
        else spec.resolve(spec.root.get("components")).get("securitySchemes")
    )
    by_name = spec.resolve(schemes)
    alternatives = [
        tuple(_unsatisfied(spec, by_name, alternative))
        for alternative in items(security)
        if isinstance(alternative, dict)
    ]
    return () if () in alternatives else next(iter(alternatives), ())


def _unsatisfied(spec: Spec, schemes: Node, alternative: Node) -> Iterator[str]:
    for name in alternative:
        scheme = spec.resolve(schemes.get(name))
        header = str(scheme.get("name")) if scheme.get("in") == "header" else ""
        if scheme.get("type") != "apiKey" or header.lower() != KEY_HEADER.lower():
            yield header or str(name)
