"""Assumptions about a Competent API as data: how to judge each by the responses, and what follows if it fails."""

from typing import NamedTuple

from graphql_api.cli.doctor import judges
from graphql_api.cli.doctor.judges import Judge
from graphql_api.competent import routes
from graphql_api.competent.declarations import OCCUPATIONAL_PROFILE, TECHNICAL_COMPETENCE
from graphql_api.competent.routes import Route


class Check(NamedTuple):
    """An assumption. `otherwise` says what happens if it fails; if it is `needed`, the server cannot use the API without it.

    `id` identifies it in JSON reports: never change or reuse one. `route` is set if the assumption is that a route exists.
    """

    id: str
    assumed: str
    judge: Judge
    otherwise: str
    needed: bool = False
    route: Route | None = None


def _exists(id: str, route: Route, name: str, otherwise: str, needed: bool = False) -> Check:
    return Check(id, f"`{route.template}`", judges.has_document(name), otherwise, needed, route)


CHECKS = (
    Check(
        "key-accepted",
        "the key is accepted",
        judges.key_is_accepted,
        "every query fails with UPSTREAM_UNAUTHORIZED",
        needed=True,
    ),
    Check(
        "release-number",
        "a route returns the number of the current release",
        judges.has_release_number,
        "several numbers: the served one is used; no number: nothing works",
        needed=True,
    ),
    Check(
        "release-recent",
        "`current` is at least 3.27",
        judges.is_recent,
        "the base serves an old state of Competent, as a test environment may",
    ),
    Check(
        "canaries",
        "two public profiles have their ISCO codes",
        judges.has_canaries,
        "the release changed them, or the data is not VDAB's",
    ),
    Check(
        "base-of-its-own",
        "the base serves no other taxonomy",
        judges.serves_no_other_taxonomy,
        "its `/softskills` are not used: those of a release are below `/releases`",
    ),
    _exists(
        "releases",
        routes.RELEASES,
        "releases",
        "`releases` lists only the current release; older releases work by number",
    ),
    Check(
        "current-release",
        "`/releases/current`",
        judges.has_document("current"),
        "the number is taken from another route or a search hit",
    ),
    _exists(
        "release",
        routes.RELEASE,
        "release",
        "the publication date is taken from the list of releases",
    ),
    _exists(
        "competences",
        routes.TECHNICAL_COMPETENCES,
        "competences",
        "releases cannot be indexed",
        needed=True,
    ),
    _exists(
        "competence",
        routes.TECHNICAL_COMPETENCE,
        "competence",
        "competences are not available",
        needed=True,
    ),
    _exists(
        "competence-use",
        routes.USED_IN_PROFILES,
        "used",
        "the index is used",
    ),
    _exists(
        "profiles",
        routes.OCCUPATIONAL_PROFILES,
        "profiles",
        "the crawl finds profiles through competences (one call per competence), and the index is used",
    ),
    _exists(
        "profile",
        routes.OCCUPATIONAL_PROFILE,
        "profile",
        "profiles are not available",
        needed=True,
    ),
    _exists("soft-skills", routes.SOFT_SKILLS, "soft skills", "only soft skills of profiles are known"),
    _exists(
        "soft-skill",
        routes.SOFT_SKILL,
        "soft skill",
        "soft skills are read from their list",
    ),
    _exists("search", routes.SEARCH, "search", "`search` returns NOT_INDEXED_YET until the release is indexed"),
    Check(
        "links-name-release",
        "links below `current` name the numbered release",
        judges.links_name_release,
        "the number is taken from elsewhere, and links are resolved in the requested release",
    ),
    Check(
        "items-have-ids",
        "list items have `id` and `code`",
        judges.of_document("competences", judges.items_have_ids),
        "lookups by code need the index",
    ),
    Check(
        "page-object",
        "lists have a `page` object, with `number` counting from 0",
        judges.of_document("competences", judges.has_page_object),
        "pages are read until one has no new items; numbering from 1 is detected",
    ),
    Check(
        "pages-differ",
        "the second page differs from the first",
        judges.pages_differ,
        "pages are assumed to be numbered from 1",
    ),
    Check(
        "page-links",
        "lists link to their other pages",
        judges.of_document("competences", judges.links_other_pages),
        "pages are requested by number anyway",
    ),
    Check(
        "empty-list",
        "a list without items has no `_embedded`",
        judges.empty_list_has_no_embedded,
        "an empty list, null or an error beyond the last page also ends the list",
    ),
    Check(
        "page-size",
        "pages are as large as requested",
        judges.pages_are_as_large_as_requested,
        "more calls are made; set COMPETENT_UPSTREAM_PAGE_SIZE to the size found",
    ),
    Check(
        "soft-skill-text",
        "soft skills have their text under a known key",
        judges.of_document("soft skills", judges.soft_skills_have_text),
        "soft skills have no description",
    ),
    Check(
        "competence-fields",
        "competences have all declared fields",
        judges.of_document("competence", judges.has_fields(TECHNICAL_COMPETENCE)),
        "missing fields are null or empty",
    ),
    Check(
        "profile-fields",
        "profiles have all declared fields",
        judges.of_document("profile", judges.has_fields(OCCUPATIONAL_PROFILE)),
        "missing fields are null or empty",
    ),
    Check(
        "embedded-id",
        "profiles embed competences with `id`",
        judges.of_document("profile", judges.embeds_competences_with("id")),
        "competences without it are left out of profiles",
    ),
    Check(
        "embedded-skill",
        "profiles embed competences with skill and knowledge",
        judges.of_document("profile", judges.embeds_competences_with("skill", "knowledgeItems")),
        "each competence needs its own call",
    ),
    Check(
        "embedded-links",
        "profiles embed competences with links",
        judges.of_document("profile", judges.embeds_competences_with("_links")),
        "their known paths are used",
    ),
    Check(
        "embedded-indicators",
        "profiles embed competences with indicators",
        judges.of_document("profile", judges.embeds_competences_with("behaviouralIndicators")),
        "indicators need one call per competence",
    ),
    Check(
        "unknown-keys",
        "documents have no unknown keys",
        judges.has_no_unknown_keys,
        "unknown keys are dropped; a newer version may serve them",
    ),
    Check(
        "error-object",
        "errors are `{timestamp, status, error, path}` with their HTTP status",
        judges.has_error_object,
        "the HTTP status is used or, if it is 200, the `status` in the document",
    ),
    Check(
        "rate-limit-headers",
        "responses state the remaining calls of the rate plan",
        judges.has_header("x-ratelimit-remaining", "x-ratelimit-limit"),
        "calls are limited by COMPETENT_UPSTREAM_RATE_LIMIT alone",
    ),
    Check(
        "validators",
        "responses have a validator (`ETag` or `Last-Modified`)",
        judges.has_header("etag", "last-modified"),
        "revalidation downloads the whole document",
    ),
    Check(
        "revalidation",
        "revalidation of an unchanged document returns 304",
        judges.revalidates,
        "revalidation downloads the whole document",
    ),
    Check(
        "release-immutable",
        "a numbered release does not change",
        judges.not_visible,
        "changes are noticed after COMPETENT_RELEASE_TTL",
    ),
)
"""All assumptions, in the order of the report."""
