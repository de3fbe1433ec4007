"""Passages and phrases of a text: they cover it, are few, and have the positions that clients count."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphql_api.errors import BadUserInput
from graphql_api.index.semantic.passages import (
    MAX_PASSAGES,
    MAX_PHRASES,
    MAX_TEXT_CHARS,
    Span,
    Utf16,
    check_text,
    passages_of,
    phrases_of,
)

VACANCY = "Wij zoeken een kok.\n- Je kookt, bakt en serveert\n• Versie 1.2 van C++ (mooi)!\nxx"


def texts_of(spans: list[Span]) -> list[str]:
    return [span.text for span in spans]


def test_lines_sentences_and_bullets_are_passages() -> None:
    assert texts_of(passages_of(VACANCY)) == [
        "Wij zoeken een kok",
        "Je kookt, bakt en serveert",
        "Versie 1.2 van C++ (mooi)",
    ]


def test_items_of_enumerations_are_phrases_of_their_passage() -> None:
    phrases = phrases_of(VACANCY, passages_of(VACANCY))

    assert [(at, span.text) for at, span in phrases] == [
        (0, "Wij zoeken een kok"),
        (1, "Je kookt"),
        (1, "bakt"),
        (1, "serveert"),
        (2, "Versie 1.2 van C++"),
        (2, "mooi"),
    ]


@pytest.mark.slow
@given(
    st.text(min_size=1, max_size=400)
    | st.lists(st.sampled_from(["ab", "koken", ".", ",", "\n", "😀", " "])).map("".join)
)
def test_positions_are_in_utf_16_and_spans_are_parts_of_the_text(text: str) -> None:
    units = text.encode("utf-16-le", "surrogatepass")
    positions = Utf16(text)
    for span in [*passages_of(text), *(span for _, span in phrases_of(text, passages_of(text)))]:
        assert text[span.start : span.end] == span.text
        start, end, part = positions.span(span)
        assert units[2 * start : 2 * end].decode("utf-16-le", "surrogatepass") == part == span.text


def test_an_emoji_counts_as_two_units() -> None:
    text = "😀 koken"

    assert Utf16(text).span(Span(2, 7, "koken")) == (3, 8, "koken")


@pytest.mark.parametrize("text", ["kok. " * 2000, "kok, " * 2000, "kok " * 2500, "kok.\n, " * 1428])
def test_long_texts_are_covered_by_a_bounded_number_of_passages(text: str) -> None:
    passages = passages_of(text)
    phrases = phrases_of(text, passages)

    assert len(passages) <= MAX_PASSAGES
    assert len(phrases) <= MAX_PHRASES
    assert "".join(texts_of(passages)).count("kok") == text.count("kok")
    assert "".join(span.text for _, span in phrases).count("kok") == text.count("kok")


def test_a_text_without_searchable_words_is_one_passage() -> None:
    assert texts_of(passages_of(" ja ")) == ["ja"]


@pytest.mark.parametrize("text", ["", "  \n", "!?…", "12 + 3", "kok\ud800", "\udc00", "a" * (MAX_TEXT_CHARS + 1)])
def test_an_unusable_text_is_refused_without_quoting_it(text: str) -> None:
    with pytest.raises(BadUserInput) as refused:
        check_text(text)

    assert "kok" not in str(refused.value)
    assert "aaa" not in str(refused.value)


def test_the_longest_text_is_accepted() -> None:
    check_text("a" * MAX_TEXT_CHARS)
