"""My skills: the occupations that fit what a person can do, or a text about it.

What a person chooses or writes arrives by POST, so that it is in no address that a server sees; the page is cached nowhere.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from starlette.responses import Response

from graphql_api.competent.hal import Document
from graphql_api.http.graphql import HTTPError
from graphql_api.http.pages.explorer.concept_paths import enum_value, reference
from graphql_api.http.pages.explorer.form import MAX_FIELDS, form_of
from graphql_api.http.pages.explorer.visit import Visit
from graphql_api.index.semantic.passages import MAX_TEXT_CHARS

MAX_HAVE = 100
"""Maximum number of competences; an occupation has up to 80."""
WORDS = ("skills", "knowledge", "soft-skills", "digital-skills")
"""The types to choose from. A skill stands for its technical competences; these can be chosen on their own pages."""
_WORD_CHARS = 200
_REF = re.compile(r"[\w-]{1,36}")


@dataclass(frozen=True, slots=True)
class SkillsForm:
    """What a visitor sent: competences by code or uuid, words to find more of them, or a text."""

    have: tuple[str, ...] = ()
    words: str = ""
    text: str = ""
    action: str = ""

    @classmethod
    def of(cls, fields: Mapping[str, Sequence[str]]) -> "SkillsForm":
        """The form in the fields of a request; each `have` may hold several codes, separated by commas.

        Raises HTTPError (413) if there are more codes than a form may have fields.
        """
        have = (ref.strip() for value in fields.get("have", ()) for ref in value.split(","))
        refs = dict.fromkeys(ref.upper() if len(ref) < 36 else ref for ref in have if _REF.fullmatch(ref))
        if len(refs) > MAX_FIELDS:  # each would come back as a box, which is twenty times as long
            raise HTTPError(413, f"The form has more than {MAX_FIELDS} codes.")
        words, text, action = (fields.get(name, ("",))[-1].strip() for name in ("q", "text", "do"))
        return cls(tuple(refs), words[:_WORD_CHARS], text.replace("\r\n", "\n"), action)


async def my_skills(visit: Visit) -> Response:
    """The empty page, competences to choose from, or the occupations that match."""
    if visit.request.method != "POST":
        return await _page(visit, SkillsForm(), None)
    try:
        form = SkillsForm.of(await form_of(visit.request))
    except HTTPError as refusal:
        if refusal.status != 413:
            raise
        return await _page(visit, SkillsForm(), None, status=413, is_too_long=True)
    if form.action == "read":
        return await _read(visit, form)
    if len(form.have) > MAX_HAVE:
        return await _page(visit, form, None, status=413)
    return await _choose(visit, form)


async def _choose(visit: Visit, form: SkillsForm) -> Response:
    find, match = bool(form.words) and form.action == "find", bool(form.have) and form.action == "match"
    variables = {
        "have": [reference(ref) for ref in form.have],
        "match": match,
        "text": form.words,
        "find": find,
        "types": [enum_value(word) for word in WORDS],
    }
    release = await visit.ask("my_skills", variables, private=("have", "text"))
    if not release:
        return await visit.missing(release)
    return await _page(visit, form, release, is_matched=match, is_found=find)


async def _read(visit: Visit, form: SkillsForm) -> Response:
    if not form.text or len(form.text) > MAX_TEXT_CHARS:
        return await _page(visit, form, None, status=413 if form.text else 200, is_too_long=bool(form.text))
    release = await visit.ask("profiles_for_text", {"text": form.text}, private=("text",))
    return await _page(visit, form, release, is_read=True)


async def _page(
    visit: Visit, form: SkillsForm, release: Document | None, *, status: int = 200, **values: bool
) -> Response:
    if release is None:
        release = await visit.ask("release", {})
    shown = {"is_matched": False, "is_found": False, "is_read": False, "is_too_long": False} | values
    return await visit.page(
        "my_skills.html",
        release,
        status=status,
        form=form,
        max_chars=MAX_TEXT_CHARS,
        max_have=MAX_HAVE,
        skill_words=",".join(WORDS),
        **shown,
    )
