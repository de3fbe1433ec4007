"""Texts in four languages, and the choice between them.

The rule: the first requested language that has a text, then Dutch, French, English, German.
"""

from collections.abc import Callable, Sequence
from enum import Enum
from typing import Annotated, Any

import strawberry

from graphql_api.competent.values import LANGUAGES as KEYS


@strawberry.enum(description="A language of Competent's texts.")
class Language(Enum):
    """GraphQL enum; `key` is the language's key in Competent's documents."""

    NL = strawberry.enum_value("nl", description="Dutch.")
    FR = strawberry.enum_value("fr", description="French.")
    EN = strawberry.enum_value("en", description="English.")
    DE = strawberry.enum_value("de", description="German.")

    __hash__ = object.__hash__  # languages are in many dict keys, and Enum.__hash__ is slower, being written in Python

    @property
    def key(self) -> str:
        """Returns `nl`, `fr`, `en` or `de`."""
        return self.name.lower()


LANGUAGES = {language.key: language for language in Language}
"""Languages by key."""


def language_positions(languages: list[Language] | None) -> frozenset[int] | None:
    """Returns the positions of languages in an index; None for all."""
    return None if languages is None else frozenset(KEYS.index(language.key) for language in languages)


def language_at(position: int) -> Language:
    """Returns the language at a position in an index."""
    return LANGUAGES[KEYS[position]]


@strawberry.type(description="A text in one language, chosen by preference and availability.")
class LocalizedString:
    """The result of LocalizedText.localized."""

    text: str = strawberry.field(description="The text.")
    language: Language = strawberry.field(description="The language of the text.")
    is_fallback: bool = strawberry.field(
        description="Whether the text is in another language than the first one requested."
    )


Languages = Annotated[
    list[Language] | None,
    strawberry.argument(
        description="Languages in order of preference; those of the `Accept-Language` header if omitted."
    ),
]


def _text_in(key: str, description: str) -> Any:
    """Returns the field of one language."""

    def resolver(self: "LocalizedText") -> str | None:
        return self.texts.get(key)

    return strawberry.field(resolver=resolver, description=description, metadata={"language": key})


@strawberry.type(
    description="A text in up to four languages. A language is null if Competent has no text in it; "
    "white space around a text is trimmed."
)
class LocalizedText:
    """A text in several languages: `texts` is by language, in the order of Language, and not empty."""

    texts: strawberry.Private[dict[str, str]]

    nl: str | None = _text_in("nl", "The text in Dutch.")
    fr: str | None = _text_in("fr", "The text in French.")
    en: str | None = _text_in("en", "The text in English.")
    de: str | None = _text_in("de", "The text in German.")

    @strawberry.field(
        description="The text in the first requested language that has one, otherwise in Dutch, French, English or German, in "
        "this order."
    )
    def text(self, info: strawberry.Info, languages: Languages = None) -> str | None:
        """Returns the text in the best language."""
        for language in info.context.languages if languages is None else languages:
            if text := self.texts.get(language.key):
                return text
        return next(iter(self.texts.values()))

    @strawberry.field(description="As `text`, with the language of the text.")
    def localized(self, info: strawberry.Info, languages: Languages = None) -> LocalizedString | None:
        """Returns the text in the best language, with the language."""
        return self.choose(info.context.languages if languages is None else languages)

    def choose(self, preferred: Sequence[Language]) -> LocalizedString:
        """Choose by the rule described at the top of this module."""
        for language in (*preferred, *Language):
            if text := self.texts.get(language.key):
                is_fallback = bool(preferred) and language is not preferred[0]
                return LocalizedString(text=text, language=language, is_fallback=is_fallback)
        raise AssertionError("a LocalizedText holds at least one text")


def localized(texts: dict[str, str] | None) -> LocalizedText | None:
    """Convert a text of a normalised document, `{language: text}` or None."""
    return LocalizedText(texts=texts) if texts else None


def in_languages(
    fields: Sequence[tuple[str, str]],
) -> Callable[[object, dict[str, str] | None], dict[str, str | None] | None]:
    """Returns a converter of such a text to `{response key: text}`, for fields that are each one language."""

    def convert(view: object, texts: dict[str, str] | None) -> dict[str, str | None] | None:
        return {key: texts.get(language) for key, language in fields} if texts else None

    return convert
