"""Words: folding, positions in the text, and stems."""

import unicodedata
from html import escape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphql_api.index.stop_words import FUNCTION_WORDS, OCCUPATION_WORDS
from graphql_api.index.tables import LANGUAGES
from graphql_api.index.tokenizer import Stems, Word, fold, marked, marked_beginnings, words, words_as_written

ANY = st.text(st.characters(exclude_categories=()))
"""Any text at all, half surrogate pairs and signs without a meaning too."""


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("Éducateur SPÉCIALISÉ", "educateur specialise"),
        ("e\u0301cole", "ecole"),
        ("Straßenbauer", "strassenbauer"),
        ("STRASSENBAUER", "strassenbauer"),
        ("Bäcker", "backer"),
        ("main d'œuvre", "main d oeuvre"),
        ("smørrebrød", "smorrebrod"),
        ("ĳsmaker", "ijsmaker"),
        ("lasser/lasster (m/v/x)", "lasser lasster m v x"),
        ("HR-manager, 2e graad", "hr manager 2e graad"),
        ("C++ en C#", "c++ en c#"),
        ("C++/C# (c++), C#.", "c++ c# c++ c#"),
        ("a+b, ABC++, ++, #1, c##, 1+", "a b abc 1 c 1"),
        ("MIG/MAG, R&D en .NET", "mig mag r d en net"),
        ("m²", "m2"),
        ("½", "1 2"),
        ("vracht\u00adwagen", "vrachtwagen"),
        ("vracht\u200bwagen", "vracht wagen"),
        ("  kok\n\tchef  ", "kok chef"),
        ("ΜΑΓΕΙΡΟΣ", "μαγειροσ"),
        ("", ""),
        ('?! * " ^ \x00 \ud800 😀', ""),
    ],
)
def test_folding_ignores_accents_case_and_punctuation(text: str, folded: str) -> None:
    assert fold(text) == folded


@given(ANY)
def test_folded_words_are_letters_and_digits_with_one_space_between(text: str) -> None:
    folded = fold(text)
    assert all(letter.isalnum() or letter in " +#" for letter in folded)
    assert all(word.isalnum() or word[1:] in ("++", "#") or word[2:] in ("++", "#") for word in folded.split())
    assert folded == " ".join(folded.split())
    assert fold(folded) == folded


@given(st.text())
def test_folding_is_the_same_for_composed_and_decomposed_accents(text: str) -> None:
    assert fold(unicodedata.normalize("NFD", text)) == fold(text)


@given(ANY)
def test_words_match_the_folded_text_and_their_positions(text: str) -> None:
    results = list(words(text))
    assert " ".join(word.folded for word in results) == fold(text)
    assert all(word.folded in fold(text[word.start : word.end]).split() for word in results)
    assert sorted(results, key=lambda word: (word.start, word.end)) == results


def test_a_word_includes_its_combining_accents() -> None:
    assert list(words("l'e\u0301cole\u0301!")) == [Word("l", 0, 1), Word("ecole", 2, 9)]


def test_marks_enclose_the_original_letters() -> None:
    assert marked("Élève-INFIRMIÈRE, d'élèves", {"eleve", "infirmiere"}) == (
        "<mark>Élève</mark>-<mark>INFIRMIÈRE</mark>, d&#x27;élèves"
    )
    assert marked("e\u0301cole", {"ecole"}) == "<mark>e\u0301cole</mark>"
    assert marked("3½ dag", {"2"}) == "3<mark>½</mark> dag"
    assert marked("½", {"1", "2"}) == "<mark>½</mark>"


def test_html_in_a_text_is_escaped() -> None:
    assert marked("<b>kok</b> & <mark>", {"kok"}) == "&lt;b&gt;<mark>kok</mark>&lt;/b&gt; &amp; &lt;mark&gt;"


@given(ANY, st.data())
def test_marks_do_not_change_the_text(text: str, data: st.DataObject) -> None:
    expected = data.draw(st.sets(st.sampled_from(fold(text).split() or ["x"])))
    assert marked(text, expected).replace("<mark>", "").replace("</mark>", "") == escape(text)


@pytest.mark.parametrize(
    ("language", "one", "other"),
    [
        ("nl", "werken", "werkt"),
        ("nl", "verpleegkundigen", "Verpleegkundige"),
        ("nl", "huizen", "huis"),
        ("nl", "golven", "golf"),
        ("fr", "infirmières", "infirmier"),
        ("fr", "infirmieres", "infirmier"),
        ("fr", "électriciens", "electricienne"),
        ("en", "nursing", "nurses"),
        ("de", "Gärtnerinnen", "Gärtner"),
        ("de", "gartnerinnen", "Gärtner"),
    ],
)
def test_forms_of_a_word_share_a_stem_with_and_without_accents(language: str, one: str, other: str) -> None:
    position = LANGUAGES.index(language)
    stems = {(position, stem) for stem, word in Stems().of_texts(position, [f"een {other}."]) if word == fold(other)}
    assert stems & Stems().of_word(one, fold(one))


def test_a_stem_belongs_to_single_words() -> None:
    results = Stems().of_texts(0, ["3½ dag, ½", "vracht\u00adwagen", "!"])
    assert all(stem and word and " " not in stem + word for stem, word in results)
    assert "dag" in {word for _, word in results}


def test_function_and_occupation_words_are_folded_and_disjoint() -> None:
    assert {"van", "de", "fur", "with"} <= FUNCTION_WORDS
    assert {"job", "metier", "beruf", "beroep"} <= OCCUPATION_WORDS
    assert all(fold(word) == word for word in FUNCTION_WORDS | OCCUPATION_WORDS)
    assert not FUNCTION_WORDS & OCCUPATION_WORDS


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Lasser MIG/MAG", ["mig/mag"]),
        ("lasser mig/mag", ["mig/mag"]),
        ("R&D in een B&B", ["r&d", "b&b"]),
        ("Rijbewijs CE of C+E", ["CE", "c+e"]),
        (".NET developer", [".net"]),
        ("24/7", ["24/7"]),
        ("IT", ["IT"]),
        ("c", []),
        ("Een IT-manager", ["IT"]),
        ("IT MANAGER", []),
        ("A nurse, L'infirmier", []),
        ("lasser/lasster (m/v/x) en/of et/ou", []),
        ("asp.net, einde.Net", []),
        ("e\u0301cole C++", []),
    ],
)
def test_acronyms_and_words_with_punctuation_have_an_unfolded_form(text: str, expected: list[str]) -> None:
    assert words_as_written(text) == expected


@given(ANY)
def test_words_as_written_differ_from_folded_words(text: str) -> None:
    assert not set(words_as_written(text)) & set(fold(text).split())


@pytest.mark.parametrize(
    ("text", "beginnings", "html"),
    [
        ("Verpleegkundige", ["verpl"], "<mark>Verpl</mark>eegkundige"),
        ("Élève-infirmier", ["el", "infirmier"], "<mark>Él</mark>ève-<mark>infirmier</mark>"),
        ("E\u0301le\u0300ve", ["ele"], "<mark>E\u0301le\u0300</mark>ve"),
        ("Straßenbauer", ["stras"], "<mark>Straß</mark>enbauer"),
        ("C++ <dev>", ["c++", "de", "d"], "<mark>C++</mark> &lt;<mark>de</mark>v&gt;"),
        ("kok", ["", "ok"], "kok"),
    ],
)
def test_prefixes_of_words_are_marked_in_the_original(text: str, beginnings: list[str], html: str) -> None:
    assert marked_beginnings(text, beginnings) == html


@given(ANY, st.lists(ANY, max_size=3))
def test_marked_prefixes_do_not_change_the_text(text: str, typed: list[str]) -> None:
    html = marked_beginnings(text, [fold(item) for item in typed] + [fold(text)[:2]])
    assert html.replace("<mark>", "").replace("</mark>", "") == escape(text)
