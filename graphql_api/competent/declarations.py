"""Every field and every concept type of Competent, declared once.

GraphQL types, index, search, diff, doctor and sandbox are derived from these declarations: add a new field or type here.
A field declares its GraphQL name and description, its keys in HAL documents, how its value is normalised, its place in the Excel
export, and whether it is searched and compared between releases.
"""

from dataclasses import replace

from graphql_api.competent import routes
from graphql_api.competent.declaration_types import (
    CLASSIFICATIONS,
    CODE,
    MOMENT,
    NAMES,
    STRINGS,
    TEXT,
    Concepts,
    ConceptType,
    Field,
    Length,
    Plain,
    SearchRule,
    Terms,
    Value,
)

__all__ = [
    "CLASSIFICATIONS",
    "CODE",
    "MOMENT",
    "NAMES",
    "STRINGS",
    "TEXT",
    "ConceptType",
    "Concepts",
    "Field",
    "Length",
    "Plain",
    "SearchRule",
    "Terms",
    "Value",
]
"""Includes the classes of declarations, for modules that read them."""

LANGUAGES = ("nl", "fr", "en", "de")
"""The languages of Competent, in order of fallback."""

TITLE = SearchRule(1, weight=0.85, exact=1.0, is_name=True, word_weight=6.0)
NAME = SearchRule(2, weight=0.83, exact=0.95, is_name=True, word_weight=3.0)
LABEL = SearchRule(3, weight=0.75, exact=0.9, word_weight=0.75)
DESCRIPTION = SearchRule(4, weight=0.5, word_weight=1.5)
WORKING_CONTEXT = SearchRule(5, weight=0.4, word_weight=0.75)

_CODE = Field(
    "code",
    CODE,
    "Competent's code, such as `OP-101`. A later release can give a code to another concept; use `uuid` to identify a concept.",
    sure="seen",
)
_REGIONS = Field(
    "regions",
    STRINGS,
    "Regions to which it applies; empty means all regions.",
    empty_on_error=True,
    length=Length(0, 3),
)
COMMON_FIELDS = (_CODE,)
"""The fields of every concept type."""
BLOCK_FIELDS = (
    _CODE,
    Field("description", TEXT, "The text.", search=LABEL, sure="seen"),
    replace(_REGIONS, sure="seen"),
)
"""The fields of blocks."""
_SKILL_KEYS = ("title", "description", "shortDescription")
# Upstream has been seen to use each of these keys for the text of a soft skill. Regions of these skills are not compared between
# releases (NOT_COMPARED): profiles embed them without regions, so the result would depend on which document was read last.
_TITLED = (_CODE, Field("description", TEXT, "The text.", _SKILL_KEYS, LABEL, sure="seen"), _REGIONS)

OCCUPATIONAL_PROFILE = ConceptType(
    "OccupationalProfile",
    number=1,
    code_prefix="OP",
    noun="occupational profile",
    plural="occupational profiles",
    single="occupationalProfile",
    listing="occupationalProfiles",
    description="An occupation and the competences that it needs (Dutch: beroepscompetentieprofiel).",
    summary="An occupation and the competences that it needs.",
    route=routes.OCCUPATIONAL_PROFILE,
    collection=routes.OCCUPATIONAL_PROFILES,
    fields=(
        _CODE,
        Field("title", TEXT, "The title of the occupation.", search=TITLE, column="Title", sure="seen"),
        Field("description", TEXT, "What people do in the occupation.", search=DESCRIPTION, column="Description"),
        Field(
            "workingContext",
            TEXT,
            "Where, with whom and under which conditions people work.",
            search=WORKING_CONTEXT,
            column="Working context",
        ),
        Field(
            "alternativeNames",
            NAMES,
            "Common names of the occupation.",
            search=NAME,
            sheet="Occ.Prof - Alt.Names",
            length=Length(26, 110),
        ),
        Field(
            "essentialCompetences",
            Concepts("TechnicalCompetence", role=1, is_essential=True),
            "Technical competences that the occupation needs in every context.",
            sheet="Occ.Prof - Essential Competence",
            length=Length(13, 60),
            sure="seen",
        ),
        Field(
            "optionalCompetences",
            Concepts("TechnicalCompetence", role=2, is_essential=False),
            "Technical competences that the occupation needs in some contexts.",
            ("specificCompetences", "optionalCompetences"),
            sheet="Occ.Prof - Optional Competence",
            length=Length(8, 85),
            sure="seen",
        ),
        Field(
            "competenceSets",
            Concepts("CompetenceSet", role=8),
            "Competence sets of which the occupation has skills.",
            sheet="Occ.Prof - Competentiesets",
            length=Length(6, 11),
        ),
        Field(
            "softSkills",
            Concepts("SoftSkill", role=6),
            "Soft skills that the occupation needs.",
            sheet="Occ.Prof - Soft Skills",
            length=Length(5, 10),
            sure="seen",
        ),
        Field(
            "digitalSkills",
            Concepts("DigitalSkill", role=7),
            "Digital skills that the occupation needs.",
            sheet="Occ.Prof - Digital Skills",
            length=Length(1.5, 10),
        ),
        Field(
            "proofsOfLearning",
            Terms(
                "ProofOfLearning",
                "proof",
                "A certificate that is required or usual for an occupation (Dutch: leerbewijs).",
                code_prefix="PL",
                listed=Length(180, 400),
            ),
            "Certificates that are required or usual for the occupation.",
            sheet="Occ.Prof - ProofsOfLearning",
            length=Length(1.5, 8),
        ),
        Field(
            "economicSectors",
            Terms(
                "EconomicSector",
                "sector",
                "An economic sector of occupations (Dutch: sector).",
                code_prefix="ES",
                listed=Length(240, 400),
            ),
            "Economic sectors of the occupation.",
            sheet="Occ.Prof - Econ.Sectors",
            length=Length(4.5, 15),
        ),
        Field(
            "areasOfInterest",
            Terms(
                "AreaOfInterest",
                "area",
                "An area of interest of occupations (Dutch: interessegebied).",
                code_prefix="AI",
                listed=Length(40, 100),
            ),
            "Areas of interest of the occupation.",
            sheet="Occ.Prof - Areas of Interest",
            length=Length(1, 5),
        ),
        Field(
            "classifications",
            CLASSIFICATIONS,
            "Codes of the occupation in other classifications, such as ISCO-08.",
            ("codes", "iscoCodes"),
            sheet="Occ.Prof - Codes",
            length=Length(1, 5),
            sure="seen",
        ),
        Field("lastModified", MOMENT, "When the profile was last changed.", column="Last modified", is_filter=True),
        Field("lastPublished", MOMENT, "When the profile was last published.", column="Last published"),
    ),
    esco="esco:Occupation",
)

TECHNICAL_COMPETENCE = ConceptType(
    "TechnicalCompetence",
    number=2,
    code_prefix="CP",
    noun="technical competence",
    plural="technical competences",
    single="technicalCompetence",
    listing="technicalCompetences",
    description="A skill with its knowledge items and behavioural indicators (Dutch: technische competentie).",
    summary="A skill with its knowledge and behavioural indicators.",
    route=routes.TECHNICAL_COMPETENCE,
    collection=routes.TECHNICAL_COMPETENCES,
    fields=(
        _CODE,
        # Search finds a competence by the text of its skill.
        Field(
            "skill",
            Concepts("Skill", role=3, single=True, flat_key="description"),
            "The skill.",
            search=LABEL,
            sure="seen",
        ),
        Field(
            "knowledgeItems",
            Concepts("Knowledge", role=4),
            "The knowledge that the skill needs.",
            length=Length(3, 8),
            sure="seen",
        ),
        Field(
            "behaviouralIndicators",
            Concepts("BehaviouralIndicator", role=5),
            "How the competence shows at work.",
            length=Length(4, 40),
            sure="seen",
        ),
    ),
    can_be_had=True,
    group_length=Length(14, 135),
    esco="esco:Skill",
)

SKILL = ConceptType(
    "Skill",
    number=3,
    code_prefix="SK",
    noun="skill",
    plural="skills",
    single="skill",
    listing="skills",
    description="A skill, such as `cutting hair` (Dutch: vaardigheid, kunde).",
    summary="A skill.",
    fields=BLOCK_FIELDS,
    is_block=True,
    can_be_had=True,
    group_length=Length(14, 135),
    esco="esco:Skill",
)

KNOWLEDGE = ConceptType(
    "Knowledge",
    number=4,
    code_prefix="KN",
    noun="knowledge item",
    plural="knowledge items",
    single="knowledge",
    listing="knowledgeItems",
    description="A knowledge item, such as `recruitment techniques` (Dutch: kennis).",
    summary="A knowledge item.",
    fields=BLOCK_FIELDS,
    is_block=True,
    can_be_had=True,
    group_length=Length(9, 100),
    esco="esco:Skill",
)

BEHAVIOURAL_INDICATOR = ConceptType(
    "BehaviouralIndicator",
    number=5,
    code_prefix="BI",
    noun="behavioural indicator",
    plural="behavioural indicators",
    single="behaviouralIndicator",
    listing="behaviouralIndicators",
    description="How a competence shows at work (Dutch: gedragsindicator).",
    summary="How a competence shows at work.",
    fields=BLOCK_FIELDS,
    is_block=True,
    can_be_had=True,
    group_length=Length(50, 450),
)

SOFT_SKILL = ConceptType(
    "SoftSkill",
    number=6,
    code_prefix="SS",
    noun="soft skill",
    plural="soft skills",
    single="softSkill",
    listing="softSkills",
    description="A personal trait, such as `assertiveness` (Dutch: persoonsgebonden competentie).",
    summary="A personal trait.",
    route=routes.SOFT_SKILL,
    collection=routes.SOFT_SKILLS,
    fields=_TITLED,
    is_block=True,
    can_be_had=True,
    group_length=Length(3, 10),
    esco="esco:Skill",
)

DIGITAL_SKILL = ConceptType(
    "DigitalSkill",
    number=7,
    code_prefix="DS",
    noun="digital skill",
    plural="digital skills",
    single="digitalSkill",
    listing="digitalSkills",
    description="A digital skill, such as `working with office software` (Dutch: digitale vaardigheid).",
    summary="A digital skill.",
    fields=_TITLED,
    is_block=True,
    can_be_had=True,
    group_length=Length(1, 10),
    esco="esco:Skill",
)

COMPETENCE_SET = ConceptType(
    "CompetenceSet",
    number=8,
    code_prefix="CS",
    noun="competence set",
    plural="competence sets",
    single="competenceSet",
    listing="competenceSets",
    description="A named group of skills that belong together in some occupations (Dutch: competentieset).",
    summary="A named group of skills.",
    fields=(
        _CODE,
        Field("title", TEXT, "The name of the set.", ("name", "title"), LABEL),
        Field("disambiguator", TEXT, "What distinguishes it from other sets with the same name, such as a branch."),
        # A profile embeds a set with those of its skills that the occupation has. The index has them all.
        Field("skills", Concepts("Skill", role=9), "The skills of the set, in all occupations.", length=Length(10, 12)),
    ),
    listed=Length(14, 50),
)

CONCEPT_TYPES: list[ConceptType] = [
    OCCUPATIONAL_PROFILE,
    TECHNICAL_COMPETENCE,
    SKILL,
    KNOWLEDGE,
    BEHAVIOURAL_INDICATOR,
    SOFT_SKILL,
    DIGITAL_SKILL,
    COMPETENCE_SET,
]
"""All types, in the order of the enum ConceptType and of the list of changes. Other modules read it when they are imported."""

NOT_COMPARED = {
    "OccupationalProfile.lastModified": "it changes with every other change, and filters profiles instead",
    "OccupationalProfile.lastPublished": "it changes with every release",
    "SoftSkill.regions": "profiles embed soft skills without them",
    "DigitalSkill.regions": "profiles embed digital skills without them",
    "CompetenceSet.skills": "each profile embeds only those that it has itself",
}
"""Fields that are not compared between releases, each with the reason; `changes(since:)` reports all others."""

LAST_IN_CHANGES = frozenset({"proofsOfLearning", "classifications"})
"""Compared fields that come last in a list of changed fields, an order that clients rely on."""

IGNORED_KEYS = frozenset({"_links", "type"})
"""Keys of HAL documents that are known but not used."""


def concept_type(name: str) -> ConceptType:
    """Find a type by its GraphQL name. Raises KeyError if there is none."""
    return _by_name()[name]


def _by_name() -> dict[str, ConceptType]:
    return {type.name: type for type in CONCEPT_TYPES}


def compared_fields(type: ConceptType) -> tuple[Field, ...]:
    """The fields of a type that are compared between releases, in the order in which changes list them."""
    fields = (field for field in type.fields if f"{type.name}.{field.name}" not in NOT_COMPARED)
    return tuple(sorted(fields, key=lambda field: field.name in LAST_IN_CHANGES))
