"""What an operation may cost: how many values its answer holds, when lists are as long as was asked for or as they typically are.

Worked out once for a document, with what depends on variables left open; then a request costs some multiplications.

A field is one value, and those of its selection come as often as its list has items: `first` or `last` of a connection or of
a list that takes them, the number of ids where ids are given, else a typical length. Fields that several fragments name are
counted each time, and all alternatives of `... on` are counted: the cost is an upper estimate, save that a list can be longer
than is typical.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from graphql import GraphQLSchema, get_named_type, is_list_type, is_non_null_type
from graphql.language import (
    BooleanValueNode,
    DirectiveNode,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    IntValueNode,
    ListValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    ValueNode,
    VariableNode,
)

from graphql_api.types.page import DEFAULT, MOST

ITEMS = 10
"""The length of a list that nothing is known of."""

TYPICAL: dict[str, float] = {
    "OccupationalProfile.alternativeNames": 25,
    "OccupationalProfile.essentialCompetences": 12,
    "OccupationalProfile.optionalCompetences": 8,
    "OccupationalProfile.softSkills": 5,
    "OccupationalProfile.digitalSkills": 2,
    "OccupationalProfile.proofsOfLearning": 2,
    "OccupationalProfile.economicSectors": 4,
    "OccupationalProfile.areasOfInterest": 1,
    "OccupationalProfile.classifications": 1,
    "TechnicalCompetence.knowledgeItems": 3,
    "TechnicalCompetence.behaviouralIndicators": 4,
    "SimilarProfile.sharedCompetences": 9,
    "CompetenceGroup.technicalCompetences": 14,
    "CompetenceGroup.skills": 14,
    "CompetenceGroup.knowledgeItems": 9,
    "CompetenceGroup.behaviouralIndicators": 50,
    "CompetenceGroup.softSkills": 3,
    "Query.releases": 10,
}
"""Mean lengths in a release of 650 profiles and 5,800 technical competences, rounded up."""

ONE_FOR_EACH = {"nodes": "ids", "_entities": "representations"}
"""Fields whose list is as long as the list of an argument."""

BEYOND = 10**15
"""Costs are not counted further than this."""

Variables = Mapping[str, Any]


class Page(NamedTuple):
    """How many items a page has that is asked for with `first` or `last`, of which some are variables."""

    asked: tuple[str, ...]
    default: float

    def __call__(self, variables: Variables) -> float:
        """The size of the page; what is no number of items is refused when the field is resolved."""
        return next(
            (_bounded(number) for name in self.asked if (number := variables.get(name)) is not None), self.default
        )


class Length(NamedTuple):
    """How many items the list in a variable has."""

    name: str

    def __call__(self, variables: Variables) -> float:
        """Its length; one item that stands without its list is a list of one."""
        given = variables.get(self.name)
        return float(len(given)) if isinstance(given, list) else 1.0


class Included(NamedTuple):
    """Whether a variable lets a selection in (`@include`) or leaves it out (`@skip`)."""

    name: str
    wanted: bool

    def __call__(self, variables: Variables) -> float:
        """One or nothing."""
        return float(variables.get(self.name, self.wanted) is self.wanted)


Factor = Page | Length | Included
Size = float | Factor


class Term(NamedTuple):
    """`times` the factors, times the sum of the step of this number; step 0 is 1."""

    factors: tuple[Factor, ...]
    times: float
    step: int = 0


@dataclass(slots=True)
class Sum:
    """What a selection costs: a constant, and what depends on variables."""

    constant: float = 0.0
    terms: list[Term] = field(default_factory=list)

    def add(self, other: "Sum", size: Size = 1.0) -> None:
        """Add another, `size` times."""
        if isinstance(size, Factor):
            if other.constant:
                self.terms.append(Term((size,), other.constant))
            self.terms += [Term((size, *each.factors), each.times, each.step) for each in other.terms]
        elif size:
            self.constant += size * other.constant
            self.terms += [Term(each.factors, size * each.times, each.step) for each in other.terms]

    def of(self, variables: Variables, steps: list[float]) -> float:
        """The figure, with the figures of the steps before."""
        total = self.constant
        for factors, times, step in self.terms:
            product = times * steps[step]
            for factor in factors:
                product *= factor(variables)
            total += product
        return total


@dataclass(frozen=True, slots=True)
class Cost:
    """The cost of one operation. The last of the steps is the operation; those before it are fragments that it spreads."""

    steps: tuple[Sum, ...]
    defaults: Variables

    def of(self, variables: Variables | None) -> int:
        """The cost with these variables, as the client sent them."""
        given = self.defaults if not variables else {**self.defaults, **variables}
        figures = [1.0]
        for step in self.steps:
            figures.append(step.of(given, figures))
        return round(figures[-1]) if figures[-1] < BEYOND else BEYOND


class Costing:
    """Works out the costs of valid documents of one schema."""

    def __init__(self, schema: GraphQLSchema) -> None:
        self.schema = schema
        self.typical = TYPICAL | _of_introspection(schema)

    def cost(self, document: DocumentNode, operation: OperationDefinitionNode) -> Cost:
        """What an operation of a document costs."""
        return _Working(self, document).cost(operation)

    def length(self, type_name: str, field_name: str) -> float:
        """How long the list of a field typically is."""
        return self.typical.get(f"{type_name}.{field_name}", ITEMS)


class _Working:
    """One operation being worked out; fragments are worked out once for each size of page that they are spread in."""

    def __init__(self, costing: Costing, document: DocumentNode) -> None:
        self.costing = costing
        self.fragments = {
            each.name.value: each for each in document.definitions if isinstance(each, FragmentDefinitionNode)
        }
        self.steps: list[Sum] = []
        self.done: dict[tuple[str, Size], Sum] = {}

    def cost(self, operation: OperationDefinitionNode) -> Cost:
        root = self.costing.schema.get_root_type(operation.operation)
        total = self.selection(operation.selection_set, root, 1.0)
        given = {
            each.variable.name.value: _literal(each.default_value)
            for each in operation.variable_definitions or ()
            if each.default_value is not None
        }
        return Cost((*self.steps, total), given)

    def selection(self, selection_set: SelectionSetNode, parent: Any, page: Size) -> Sum:
        total = Sum()
        for each in selection_set.selections:
            size = _included(each.directives or ())
            if isinstance(each, FieldNode):
                total.add(self.field(each, parent, page), size)
            elif isinstance(each, FragmentSpreadNode):
                total.add(self.spread(each.name.value, page), size)
            elif isinstance(each, InlineFragmentNode):
                on = each.type_condition and self.costing.schema.get_type(each.type_condition.name.value)
                total.add(self.selection(each.selection_set, on or parent, page), size)
        return total

    def spread(self, name: str, page: Size) -> Sum:
        if (name, page) not in self.done:
            fragment = self.fragments[name]
            on = self.costing.schema.get_type(fragment.type_condition.name.value)
            found = self.selection(fragment.selection_set, on, page)
            if found.terms:  # referred to from now on, so that fragments of fragments do not multiply them
                self.steps.append(found)
                found = Sum(0.0, [Term((), 1.0, len(self.steps))])
            self.done[name, page] = found
        return self.done[name, page]

    def field(self, node: FieldNode, parent: Any, page: Size) -> Sum:
        total = Sum(1.0)
        definition = self.costing.schema.get_field(parent, node.name.value)
        if node.selection_set is None or definition is None:
            return total
        kind = get_named_type(definition.type)
        is_list = is_list_type(definition.type.of_type if is_non_null_type(definition.type) else definition.type)
        size, inner = self.size(node, definition, parent, is_list, page)
        total.add(self.selection(node.selection_set, kind, inner), size)
        return total

    def size(self, node: FieldNode, definition: Any, parent: Any, is_list: bool, page: Size) -> tuple[Size, Size]:
        """How often the selection of a field comes, and how many items the lists of its connection have."""
        name = node.name.value
        given = {each.name.value: each.value for each in node.arguments or ()}
        if "first" in definition.args:
            default = definition.args["first"].default_value
            asked = _page(given, float(default) if isinstance(default, int) else float(DEFAULT))
            return (asked, 1.0) if is_list else (1.0, asked)
        if name in ONE_FOR_EACH and ONE_FOR_EACH[name] in definition.args:
            return _length(given.get(ONE_FOR_EACH[name])), 1.0
        if is_list and parent.name.endswith("Connection") and name in ("nodes", "edges"):
            return page, 1.0
        if is_list or f"{parent.name}.{name}" in self.costing.typical:
            return self.costing.length(parent.name, name), 1.0
        return 1.0, 1.0


def _page(given: Mapping[str, ValueNode], default: float) -> Size:
    values = [given[name] for name in ("first", "last") if name in given]
    asked: list[str] = []
    for value in values:
        if isinstance(value, VariableNode):
            asked.append(value.name.value)
        elif isinstance(value, IntValueNode):
            default = _bounded(_literal(value))
            break
    return Page(tuple(asked), default) if asked else default


def _length(value: ValueNode | None) -> Size:
    if isinstance(value, VariableNode):
        return Length(value.name.value)
    return float(len(value.values)) if isinstance(value, ListValueNode) else 1.0


def _bounded(number: Any) -> float:
    return float(min(max(number, 0), MOST)) if isinstance(number, int | float) else float(DEFAULT)


def _literal(value: ValueNode) -> Any:
    """As much of a literal as sizes are made of."""
    if isinstance(value, IntValueNode):
        return int(value.value) if len(value.value) < 10 else MOST
    if isinstance(value, BooleanValueNode):
        return value.value
    return [None] * len(value.values) if isinstance(value, ListValueNode) else None


def _included(directives: tuple[DirectiveNode, ...]) -> Size:
    size: Size = 1.0
    for each in directives:
        wanted = each.name.value == "include"
        if not wanted and each.name.value != "skip":
            continue
        condition = next((argument.value for argument in each.arguments or () if argument.name.value == "if"), None)
        if isinstance(condition, BooleanValueNode) and condition.value is not wanted:
            return 0.0
        if isinstance(condition, VariableNode):
            size = Included(condition.name.value, wanted)
    return size


def _of_introspection(schema: GraphQLSchema) -> dict[str, float]:
    """Mean lengths of the lists of introspection; `ofType` is there for every other type only, and ends soon."""
    kinds = list(schema.type_map.values())
    fields = [each for kind in kinds for each in (getattr(kind, "fields", None) or {}).values()]
    many = len(kinds)
    return {
        "__Schema.types": many,
        "__Schema.directives": len(schema.directives),
        "__Type.fields": len(fields) / many,
        "__Type.inputFields": len(fields) / many,
        "__Type.enumValues": sum(len(getattr(kind, "values", ())) for kind in kinds) / many,
        "__Type.interfaces": sum(len(getattr(kind, "interfaces", ())) for kind in kinds) / many,
        "__Type.possibleTypes": 1,
        "__Type.ofType": 0.5,
        "__Field.args": sum(len(getattr(each, "args", ())) for each in fields) / len(fields),
        "__Directive.args": 1,
    }
