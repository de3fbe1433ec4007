"""Assumptions about a Competent API as data: how to judge each by the responses, and what follows if it fails."""

from typing import NamedTuple

from graphql_api.cli.doctor import judges
from graphql_api.cli.doctor.judges import Judge
from graphql_api.competent.declarations import OCCUPATIONAL_PROFILE, TECHNICAL_COMPETENCE


class Check(NamedTuple):
    """An assumption. `otherwise` says what happens if it fails; if it is `needed`, the server cannot use the API without it."""

    assumed: str
    judge: Judge
    otherwise: str
    needed: bool = False


CHECKS = (
    Check("the key is accepted", judges.key_is_accepted, "every query fails with UPSTREAM_UNAUTHORIZED", needed=True),
    Check(
        "a route returns the number of the current release",
        judges.has_release_number,
        "several numbers: the served one is used; no number: nothing works",
        needed=True,
    ),
    Check(
        "`/releases`",
        judges.has_document("releases"),
        "`releases` lists only the current release; older releases work by number",
    ),
    Check(
        "`/releases/current`", judges.has_document("current"), "the number is taken from another route or a search hit"
    ),
    Check(
        "`/releases/{release}`",
        judges.has_document("release"),
        "the publication date is taken from the list of releases",
    ),
    Check(
        "`/releases/{release}/technicalcompetences`",
        judges.has_document("competences"),
        "releases cannot be indexed",
        needed=True,
    ),
    Check(
        "`/releases/{release}/technicalcompetences/{uuid}`",
        judges.has_document("competence"),
        "competences are not available",
        needed=True,
    ),
    Check(
        "`/releases/{release}/technicalcompetences/{uuid}/occupationalprofiles/used`",
        judges.has_document("used"),
        "the index is used",
    ),
    Check(
        "`/releases/{release}/occupationalprofiles`",
        judges.has_document("profiles"),
        "the crawl finds profiles through competences (one call per competence), and the index is used",
    ),
    Check(
        "`/releases/{release}/occupationalprofiles/{uuid}`",
        judges.has_document("profile"),
        "profiles are not available",
        needed=True,
    ),
    Check(
        "`/releases/{release}/softskills`", judges.has_document("soft skills"), "only soft skills of profiles are known"
    ),
    Check(
        "`/releases/{release}/softskills/{uuid}`",
        judges.has_document("soft skill"),
        "soft skills are read from their list",
    ),
    Check("`/search`", judges.has_document("search"), "`search` returns NOT_INDEXED_YET until the release is indexed"),
    Check(
        "links below `current` name the numbered release",
        judges.links_name_release,
        "the number is taken from elsewhere, and links are resolved in the requested release",
    ),
    Check(
        "list items have `id` and `code`",
        judges.of_document("competences", judges.items_have_ids),
        "lookups by code need the index",
    ),
    Check(
        "lists have a `page` object, with `number` counting from 0",
        judges.of_document("competences", judges.has_page_object),
        "pages are read until one has no new items; numbering from 1 is detected",
    ),
    Check("the second page differs from the first", judges.pages_differ, "pages are assumed to be numbered from 1"),
    Check(
        "lists link to their other pages",
        judges.of_document("competences", judges.links_other_pages),
        "pages are requested by number anyway",
    ),
    Check(
        "a list without items has no `_embedded`",
        judges.empty_list_has_no_embedded,
        "an empty list, null or an error beyond the last page also ends the list",
    ),
    Check(
        "pages are as large as requested",
        judges.pages_are_as_large_as_requested,
        "more calls are made; set COMPETENT_UPSTREAM_PAGE_SIZE to the size found",
    ),
    Check(
        "soft skills have their text under a known key",
        judges.of_document("soft skills", judges.soft_skills_have_text),
        "soft skills have no description",
    ),
    Check(
        "competences have all declared fields",
        judges.of_document("competence", judges.has_fields(TECHNICAL_COMPETENCE)),
        "missing fields are null or empty",
    ),
    Check(
        "profiles have all declared fields",
        judges.of_document("profile", judges.has_fields(OCCUPATIONAL_PROFILE)),
        "missing fields are null or empty",
    ),
    Check(
        "profiles embed competences with skill and knowledge",
        judges.of_document("profile", judges.embeds_competences_with("skill", "knowledgeItems")),
        "each competence needs its own call",
    ),
    Check(
        "profiles embed competences with links",
        judges.of_document("profile", judges.embeds_competences_with("_links")),
        "their known paths are used",
    ),
    Check(
        "profiles embed competences with indicators",
        judges.of_document("profile", judges.embeds_competences_with("behaviouralIndicators")),
        "indicators need one call per competence",
    ),
    Check(
        "documents have no unknown keys",
        judges.has_no_unknown_keys,
        "unknown keys are dropped; a newer version may serve them",
    ),
    Check(
        "errors are `{timestamp, status, error, path}` with their HTTP status",
        judges.has_error_object,
        "the HTTP status is used or, if it is 200, the `status` in the document",
    ),
    Check(
        "responses state the remaining calls of the rate plan",
        judges.has_header("x-ratelimit-remaining", "x-ratelimit-limit"),
        "calls are limited by COMPETENT_UPSTREAM_RATE_LIMIT alone",
    ),
    Check(
        "responses have a validator (`ETag` or `Last-Modified`)",
        judges.has_header("etag", "last-modified"),
        "revalidation downloads the whole document",
    ),
    Check(
        "revalidation of an unchanged document returns 304",
        judges.revalidates,
        "revalidation downloads the whole document",
    ),
    Check("a numbered release does not change", judges.not_visible, "changes are noticed after COMPETENT_RELEASE_TTL"),
)
"""All assumptions, in the order of the report."""
