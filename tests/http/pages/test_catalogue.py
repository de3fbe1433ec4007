"""The messages of the pages: all are translated and used, with the placeholders of the English text."""

import re
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest
from babel.messages.catalog import Message
from babel.messages.extract import extract_from_file
from babel.messages.pofile import read_po

from graphql_api.http.pages.catalogue import FOLDER, translations

TEMPLATES = FOLDER.parent / "templates"
LANGUAGES = ("nl", "fr", "de")


def messages_of(template: Path) -> Iterator[str | tuple[str, ...]]:
    for _, message, _, _ in extract_from_file("jinja2", template, options={"trimmed": "true"}):
        yield message


def catalogue(language: str) -> dict[str | tuple[str, ...], Message]:
    source = BytesIO((FOLDER / f"{language}.po").read_bytes())
    read = read_po(source, language)
    assert read.obsolete == {}
    return {message.id: message for message in read if message.id}


def placeholders(text: str) -> set[str]:
    return set(re.findall(r"%\(\w+\)s", text))


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_message_is_untranslated_or_unused(language: str) -> None:
    used = {message for template in TEMPLATES.glob("*.html") for message in messages_of(template)}
    translated = catalogue(language)

    assert len(used) > 50
    assert {id if isinstance(id, str) else tuple(id) for id in translated} == used
    for message in translated.values():
        texts = (message.string,) if isinstance(message.string, str) else message.string
        assert all(text.strip() for text in texts), message.id
        assert "fuzzy" not in message.flags


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_translation_has_the_placeholders_of_its_message(language: str) -> None:
    for message in catalogue(language).values():
        english = message.id if isinstance(message.id, str) else message.id[1]
        for text in (message.string,) if isinstance(message.string, str) else message.string:
            assert placeholders(text) == placeholders(english), message.id


def test_zero_is_singular_in_french_and_plural_in_dutch() -> None:
    texts = ("%(shown)s result", "%(shown)s results")

    assert translations("fr").ngettext(*texts, 0) == "%(shown)s résultat"
    assert translations("nl").ngettext(*texts, 0) == "%(shown)s resultaten"
    assert translations("en").ngettext(*texts, 0) == "%(shown)s results"
