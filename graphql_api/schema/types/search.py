"""Full-text search of a release.

Hits come from the index; until it is built, profiles are searched with Competent's own search.
"""

from collections.abc import Sequence
from enum import Enum
from typing import Annotated
from urllib.parse import urlencode

import strawberry

from graphql_api.competent import declarations, routes
from graphql_api.errors import EmbeddingError, NotIndexedYet, UpstreamError
from graphql_api.index import search as index
from graphql_api.index.hybrid import HybridSearch
from graphql_api.index.semantic.embedder import NoVectors
from graphql_api.schema.loaders import Loaders
from graphql_api.schema.types.concept import Concept
from graphql_api.schema.types.concept_factory import concepts
from graphql_api.schema.types.concept_type import ConceptType, declared
from graphql_api.schema.types.document_view import DocumentView
from graphql_api.schema.types.occupational_profile import OccupationalProfile
from graphql_api.schema.types.relay import After, ConnectionArguments, First, PageInfo, Slice
from graphql_api.schema.types.resolver_cost import Per, Work
from graphql_api.schema.types.text import Language, language_at, language_positions

SEARCH_WORK = Work(base=2700, item=3, arguments=(Per("text", 310, "word"),))
"""Measured on the most expensive texts: words that occur in most texts, misspelled words, single letters; 800 for vectors."""

Types = Annotated[list[ConceptType] | None, strawberry.argument(description="Types to search; all if omitted.")]
InLanguages = Annotated[
    list[Language] | None, strawberry.argument(description="Languages of the texts to search; all if omitted.")
]


@strawberry.enum(description="How a search finds concepts.")
class SearchMode(Enum):
    """GraphQL enum; an argument may have any mode, a connection the one that was used."""

    AUTO = strawberry.enum_value("AUTO", description="Hybrid if this server can, otherwise lexical.")
    LEXICAL = strawberry.enum_value("LEXICAL", description="By the words of texts.")
    HYBRID = strawberry.enum_value("HYBRID", description="By the words and the meaning of texts.")


@strawberry.enum(description="Why a search is not hybrid.")
class SearchModeReason(Enum):
    """GraphQL enum."""

    NOT_INSTALLED = strawberry.enum_value(
        "NOT_INSTALLED", description="This server cannot compare the meaning of texts: its extra `semantic` is missing."
    )
    NOT_READY = strawberry.enum_value("NOT_READY", description="The vectors of this release are not computed yet.")
    OFF = strawberry.enum_value("OFF", description="The operator has switched hybrid search off.")
    UNAVAILABLE = strawberry.enum_value(
        "UNAVAILABLE", description="The service that computes the vectors of search texts does not respond."
    )


@strawberry.enum(description="How a text matches.")
class MatchKind(Enum):
    """GraphQL enum of the kinds of matches that an index reports."""

    WORDS = strawberry.enum_value(index.MatchKind.WORDS, description="By its words.")
    MEANING = strawberry.enum_value(index.MatchKind.MEANING, description="By its meaning alone.")
    CODE = strawberry.enum_value(
        index.MatchKind.CODE, description="It is the code that was searched for, or begins with it."
    )


Mode = Annotated[
    SearchMode,
    strawberry.argument(
        description="How to search. If hybrid search is not possible, the search is lexical, and `reason` says why."
    ),
]


@strawberry.type(description="The text that matched.")
class SearchMatch:
    """The best matching text of a hit."""

    matched_by: MatchKind = strawberry.field(name="kind", description="How the text matches.")
    field: str = strawberry.field(
        description="The field that the text stands in. For a technical competence: `skill`, the description of its skill; "
        "for a code: `code` or `classifications`."
    )
    language: Language | None = strawberry.field(description="The language of the text; null for a code.")
    text: str = strawberry.field(description="The text, or the code.")
    marked: str = strawberry.field(
        description="The text as HTML, with `<mark>` around the words that matched and everything else escaped."
    )


@strawberry.type(description="A search hit, with its cursor.")
class SearchEdge:
    """An edge as in Relay's Cursor Connections, with the text that matched."""

    node: Concept = strawberry.field(description="The concept found.")
    cursor: str = strawberry.field(description="Opaque position of the item, for `after`.")
    match: SearchMatch | None = strawberry.field(
        description="The text that matched; null for hits of Competent's own search, which is used until the release is indexed."
    )


@strawberry.type(description="A page of search hits, best first.")
class SearchConnection:
    """A connection as in Relay's Cursor Connections, with `nodes` and `totalCount`."""

    edges: list[SearchEdge] = strawberry.field(description="The hits of this page with their cursors.")
    nodes: list[Concept] = strawberry.field(description="The concepts found, on this page.")
    page_info: PageInfo = strawberry.field(description="Information about this page.")
    total_count: int = strawberry.field(description="The number of hits, at most 1,000.")
    mode: SearchMode = strawberry.field(description="How the search was done: `LEXICAL` or `HYBRID`.")
    reason: SearchModeReason | None = strawberry.field(
        description="Why the search is not hybrid; null if it is, or if `LEXICAL` was requested."
    )


async def search(
    loaders: Loaders,
    number: str,
    text: Annotated[
        str,
        strawberry.argument(description="Words to search for, in any language and form, or a code such as `OP-101`."),
    ],
    mode: Mode = SearchMode.AUTO,
    types: Types = None,
    languages: InLanguages = None,
    first: First = None,
    after: After = None,
) -> SearchConnection | None:
    """Returns a page of hits, best first; raises NotIndexedYet if neither the index nor Competent's own search can be used."""
    paging = ConnectionArguments(first, after)
    try:
        opened = await loaders.index(number)
    except NotIndexedYet as not_yet:
        return await _upstream(loaders, number, text, mode, types, paging, not_yet)

    async def page(searcher: index.Search | HybridSearch) -> SearchConnection:
        scope = _scope(number, text, types, languages, searcher)
        # The search itself returns the total, so the slice assumes the maximum.
        window = paging.window(scope, index.MAX_RESULTS)
        hits, total = await loaders.ask(
            opened, searcher.search, text, declared(types), language_positions(languages), window.start, window.stop
        )
        nodes = await concepts(loaders, number, (hit.row_id for hit in hits))
        matches = [_match(hit) for hit in hits]
        return _connection(Slice(scope, total, window.start, window.start + len(hits)), nodes, matches, used)

    meaning = None if mode is SearchMode.LEXICAL else opened.meaning
    used: _Used = (SearchMode.LEXICAL, None)
    if isinstance(meaning, NoVectors):
        used = _without(loaders, meaning)
    elif meaning is not None:
        used = (SearchMode.HYBRID, None)
        try:
            return await page(HybridSearch(opened.search, meaning))
        except EmbeddingError:
            used = _without(loaders, NoVectors.UNAVAILABLE)
    return await page(opened.search)


_Used = tuple[SearchMode, SearchModeReason | None]
"""The mode of a search, and why it is not hybrid."""


def _without(loaders: Loaders, reason: NoVectors) -> _Used:
    """A lexical search that should be hybrid. Its response is not cached if it can be hybrid soon."""
    if reason in (NoVectors.NOT_READY, NoVectors.UNAVAILABLE):
        loaders.mark_provisional()
    return SearchMode.LEXICAL, SearchModeReason[reason.name]


async def _upstream(
    loaders: Loaders,
    number: str,
    text: str,
    mode: SearchMode,
    types: list[ConceptType] | None,
    paging: ConnectionArguments,
    not_yet: NotIndexedYet,
) -> SearchConnection:
    if types is not None and declarations.OCCUPATIONAL_PROFILE.name not in {type.value for type in types}:
        raise not_yet
    scope = _scope(number, text, None, None, None)
    stop = paging.window(scope, index.MAX_RESULTS).stop
    parameters = {
        "searchValue": text.strip()[: index.MAX_TEXT_CHARS],
        "entityTypes": "OCCUPATIONAL_PROFILE",
        "page": 0,
        "size": stop,
    }
    try:
        document = await loaders.load(f"{routes.SEARCH.path()}?{urlencode(parameters)}")
    except UpstreamError:
        raise not_yet from None
    hits = [hit for hit in document["items"] if hit["releases"][:1] == [number]]
    window = paging.window(scope, len(hits))
    nodes: list[Concept] = [
        OccupationalProfile(view=DocumentView(loaders, number, hit, hit["id"], OccupationalProfile.route))
        for hit in hits[window.start : window.stop]
        if "id" in hit
    ]
    used: _Used = (SearchMode.LEXICAL, None)
    if mode is not SearchMode.LEXICAL:
        reason = loaders.embedder
        used = _without(loaders, reason if isinstance(reason, NoVectors) else NoVectors.NOT_READY)
    return _connection(window, nodes, [None] * len(nodes), used)


def _connection(
    window: Slice, nodes: list[Concept], matches: Sequence[SearchMatch | None], used: _Used
) -> SearchConnection:
    cursors = window.cursors(len(nodes))
    edges = [
        SearchEdge(node=node, cursor=cursor, match=match)
        for node, cursor, match in zip(nodes, cursors, matches, strict=True)
    ]
    return SearchConnection(
        edges=edges,
        nodes=nodes,
        page_info=window.info(cursors),
        total_count=window.total,
        mode=used[0],
        reason=used[1],
    )


def _match(hit: index.Hit) -> SearchMatch:
    return SearchMatch(
        matched_by=MatchKind(hit.matched_by),
        field=hit.field,
        language=None if hit.language is None else language_at(hit.language),
        text=hit.text,
        marked=hit.marked,
    )


def _scope(
    number: str,
    text: str,
    types: list[ConceptType] | None,
    languages: list[Language] | None,
    searcher: index.Search | HybridSearch | None,
) -> str:
    model = f" {searcher.model}" if isinstance(searcher, HybridSearch) else ""
    arguments = [
        None if members is None else sorted(member.name for member in members) for members in (types, languages)
    ]
    return f"search{model} {number} {arguments} {text}"
