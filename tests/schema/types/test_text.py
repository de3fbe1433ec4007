"""Language selection."""

import pytest

from graphql_api.http.content_negotiation import accepted_languages
from graphql_api.schema.types.text import Language, in_languages, localized

NL, FR, EN, DE = Language


def test_a_text_in_no_language_is_null() -> None:
    assert localized(None) is None


@pytest.mark.parametrize(
    ("requested", "expected", "is_fallback"),
    [
        ([], NL, False),
        ([FR], FR, False),
        ([EN, FR], FR, True),
        ([DE], NL, True),
        ([EN, DE], NL, True),
    ],
)
def test_the_first_requested_language_with_a_text_is_used(
    requested: list[Language], expected: Language, is_fallback: bool
) -> None:
    text = localized({"nl": "een", "fr": "un"})

    assert text is not None
    assert (text.choose(requested).language, text.choose(requested).is_fallback) == (expected, is_fallback)


def test_without_requested_languages_the_order_is_nl_fr_en_de() -> None:
    texts = {"nl": "een", "fr": "un", "en": "one", "de": "eins"}
    order = []
    while text := localized(texts):
        order.append(text.choose([]).language)
        del texts[order[-1].value]

    assert order == [NL, FR, EN, DE]


@pytest.mark.parametrize(
    ("header", "languages"),
    [
        ("", ()),
        ("*", ()),
        ("fr-BE,nl;q=0.8", (FR, NL)),
        ("nl;q=0.5, fr;q=0.9, en", (EN, FR, NL)),
        ("FR, fr-FR;q=0.5, es", (FR,)),
        ("nl;q=0, fr", (FR,)),
        ("nl;q=rubbish, de", (DE,)),
        ("nl;Q=0.1, de;q=0.2", (DE, NL)),
        (",;,;;q=", ()),
        ("nl_BE", (NL,)),
        ("fr_BE.UTF-8", (FR,)),
        ("de@euro", (DE,)),
        ("nld, fra;q=0.5", (NL, FR)),
        ("EN", (EN,)),
        ("en-Latn-GB-u-ca-gregory", (EN,)),
        ("zh-Hant-TW, zh;q=0.9", ()),
        ("vls, nds", ()),
        (" de ;q=0.5 ,\tfr ; q=0.7", (FR, DE)),
        ("de, *;q=0.5", (DE, NL, FR, EN)),
        ("*, nl;q=0.1", (FR, EN, DE, NL)),
        ("nl;q=0, *", (FR, EN, DE)),
        ("nl;q=0, nl-BE", (NL,)),
        ("fr, *;q=0", (FR,)),
        ("nl;q=1.0001, fr;q=0.001", (FR,)),
        ('nl;x="a,b", fr;q=0.5', (NL, FR)),
    ],
)
def test_accept_language_is_read_by_quality(header: str, languages: tuple[Language, ...]) -> None:
    assert accepted_languages(header) == languages


@pytest.mark.parametrize("texts", [{"nl": "een", "fr": "un"}, {"de": "eins"}, None])
def test_the_languages_of_a_text_are_read_without_an_object(texts: dict[str, str] | None) -> None:
    text = localized(texts)
    expected = None if text is None else {"a": text.texts.get("fr"), "fr": text.texts.get("nl")}

    assert in_languages([("a", "fr"), ("fr", "nl")])(None, texts) == expected
