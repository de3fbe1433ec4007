"""The root fields of Release and Query, in order: two per concept type, then references, search, comparisons and changes."""

from graphql_api.competent.declarations import CONCEPT_TYPES, OCCUPATIONAL_PROFILE, ConceptType
from graphql_api.schema.types.career_paths import PATHS_WORK, career_paths
from graphql_api.schema.types.change import CHANGES_WORK, changes_since
from graphql_api.schema.types.competence_gap import GAP_WORK, competence_gap
from graphql_api.schema.types.concepts import CONCEPTS
from graphql_api.schema.types.concepts_by_ref import CONCEPTS_WORK, concepts_by_ref
from graphql_api.schema.types.filter import FILTER_WORK, occupational_profiles
from graphql_api.schema.types.latest_concepts import LATEST_WORK, latest_concepts
from graphql_api.schema.types.lookups import connection_field, list_field, lookup_field
from graphql_api.schema.types.mapped_from import (
    MAPPED_FROM_LENGTH,
    MAPPED_FROM_WORK,
    MAX_CONCEPTS,
    concepts_mapped_from,
)
from graphql_api.schema.types.profile_matches import MATCHES_WORK, profiles_for_competences
from graphql_api.schema.types.root_field import RootField
from graphql_api.schema.types.search import SEARCH_WORK, search
from graphql_api.schema.types.suggestions import SUGGEST_WORK, suggest
from graphql_api.schema.types.text_matches import (
    COMPETENCES_WORK,
    PERSONAL_FIELDS,
    PROFILES_WORK,
    competences_in_text,
    profiles_for_text,
)
from graphql_api.schema.types.value_lists import LIST_WORK, VALUE_LISTS

_SEARCH = (
    "Full-text search of concepts. Concepts with a code that equals the text come first, then those with matching titles and "
    "alternative names, texts of competences, and descriptions. Word forms, compounds and small misspellings match too. A "
    "technical competence and its skill are one hit, the skill; search the type `TECHNICAL_COMPETENCE` alone for competences."
)
_SUGGEST = (
    "Titles, alternative names and texts of concepts that match what a user has typed so far, one per concept; those that begin "
    "with it come first. If nothing matches, words of four letters or more may have a typo."
)
_BY_REF = "Concepts of any type by id, uuid or code, in the same order. What does not exist is null, with an error."
_LATEST = (
    "Concepts of any type by id, uuid or code, in the same order, each in the newest indexed release that has it: this one or an "
    "earlier one. For stored codes of which some have ended; `replacedBy` says what they are now. What no indexed release has is "
    "null, with an error."
)
_GAP = "The difference between two occupational profiles: shared, missing and surplus competences."
_MATCHES = "The occupational profiles that best match what a person has, best match first."
_PATHS = (
    "Ways from one occupational profile to another, with the least effort first: directly, or in two steps through a profile "
    "that shares technical competences with both."
)
_MAPPED_FROM = (
    "The concepts of a release that are mapped to a concept of another classification, in files of the operator of this server; "
    f"at most {MAX_CONCEPTS}."
)

_PERSONAL = (
    " Needs vectors (the extra `semantic`). The text is personal data: it is accepted by POST only, and is in no cache, log, "
    "trace or metric."
)
_PROFILES_FOR_TEXT = "The occupational profiles that a vacancy or CV speaks of, best first." + _PERSONAL
_COMPETENCES_IN_TEXT = (
    "Experimental: the competences that a vacancy or CV speaks of, and guesses, which are marked as such. It misses many, and "
    "about half of what it returns is wrong." + _PERSONAL
)


def _lookup(declared: ConceptType) -> RootField:
    return RootField(
        declared.single,
        lookup_field(CONCEPTS[declared.name]),
        in_release=f"The {declared.noun} with a uuid or code in this release; null if it does not exist.",
        in_query=f"The {declared.noun} with a uuid or code; null if it does not exist.",
        route=declared.route,
    )


def _listing(declared: ConceptType) -> RootField:
    in_release, in_query = f"The {declared.plural} of this release.", f"The {declared.plural} of a release."
    if declared.name == OCCUPATIONAL_PROFILE.name:
        return RootField(declared.listing, occupational_profiles, in_release, in_query, FILTER_WORK)
    if declared.listed is not None:
        resolver, length = list_field(CONCEPTS[declared.name]), declared.listed
        return RootField(declared.listing, resolver, in_release, in_query, LIST_WORK, length)
    return RootField(declared.listing, connection_field(CONCEPTS[declared.name]), in_release, in_query)


ROOT_FIELDS = (
    *map(_lookup, CONCEPT_TYPES),
    *map(_listing, CONCEPT_TYPES),
    *VALUE_LISTS,
    RootField("search", search, _SEARCH, _SEARCH, SEARCH_WORK),
    RootField("suggest", suggest, _SUGGEST, _SUGGEST, SUGGEST_WORK),
    RootField("concepts", concepts_by_ref, _BY_REF, _BY_REF, CONCEPTS_WORK, takes_refs=True),
    RootField("latestConcepts", latest_concepts, _LATEST, _LATEST, LATEST_WORK),
    RootField("competenceGap", competence_gap, _GAP, _GAP, GAP_WORK, takes_refs=True),
    RootField("profilesForCompetences", profiles_for_competences, _MATCHES, _MATCHES, MATCHES_WORK, takes_refs=True),
    RootField("careerPaths", career_paths, _PATHS, _PATHS, PATHS_WORK, takes_refs=True),
    RootField(PERSONAL_FIELDS[0], profiles_for_text, _PROFILES_FOR_TEXT, _PROFILES_FOR_TEXT, PROFILES_WORK),
    RootField(PERSONAL_FIELDS[1], competences_in_text, _COMPETENCES_IN_TEXT, _COMPETENCES_IN_TEXT, COMPETENCES_WORK),
    RootField(
        "conceptsMappedFrom", concepts_mapped_from, _MAPPED_FROM, _MAPPED_FROM, MAPPED_FROM_WORK, MAPPED_FROM_LENGTH
    ),
    RootField("changes", changes_since, "The changes from another release to this one.", "", CHANGES_WORK),
)
