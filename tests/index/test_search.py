"""Search hits, their order, and suggestions, over small generated releases."""

import random
import sqlite3
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphql_api.competent.declarations import (
    KNOWLEDGE,
    OCCUPATIONAL_PROFILE,
    SKILL,
    SOFT_SKILL,
    TECHNICAL_COMPETENCE,
    ConceptType,
)
from graphql_api.errors import BadUserInput
from graphql_api.index import query_expansion
from graphql_api.index.query_expansion import MAX_LONGER_WORDS, MAX_MATCHING_WORDS, MAX_WORDS, expand
from graphql_api.index.search import MAX_RESULTS, MAX_TEXT_CHARS, Hit, Search, write_search
from graphql_api.index.tables import LANGUAGES
from graphql_api.index.vocabulary import Vocabulary
from tests.index.small_indexes import DESCRIPTION, LABEL, NAME, TITLE, Small

NL, FR, EN, DE = range(len(LANGUAGES))
PROFILES = {OCCUPATIONAL_PROFILE}

T = TypeVar("T")
Text = tuple[int, int, str]
Things = Mapping[str, Sequence[Text]]
"""Texts by code; the code tells the kind."""

KINDS = {
    "OP": OCCUPATIONAL_PROFILE,
    "CP": TECHNICAL_COMPETENCE,
    "SK": SKILL,
    "KN": KNOWLEDGE,
    "SS": SOFT_SKILL,
}


def title(text: str, language: int = NL) -> Text:
    return (TITLE, language, text)


def name(text: str, language: int = NL) -> Text:
    return (NAME, language, text)


def label(text: str, language: int = NL) -> Text:
    return (LABEL, language, text)


def description(text: str, language: int = NL) -> Text:
    return (DESCRIPTION, language, text)


class Release:
    """A read-only release with these texts; searches return codes."""

    def __init__(self, connection: sqlite3.Connection, things: Things, shuffle: random.Random | None = None) -> None:
        self.connection = connection
        index = Small(connection)
        rows: list[tuple[int, int, int, str]] = []
        for code in _shuffle(list(things), shuffle):
            n = index.thing(KINDS[code[:2]], code)
            rows += [(n, *text) for text in things[code]]
        rows = _shuffle(rows, shuffle)
        connection.executemany("INSERT INTO text VALUES (?, ?, ?, ?)", rows)
        index.finish()
        self.write()
        self.code: dict[int, str] = dict(connection.execute("SELECT n, code FROM concept"))
        self.search = Search()

    def write(self) -> None:
        self.connection.execute("PRAGMA query_only = OFF")
        write_search(self.connection)
        self.connection.execute("PRAGMA query_only = ON")

    def hits(
        self,
        text: str,
        kinds: Collection[ConceptType] | None = None,
        languages: Collection[int] | None = None,
        start: int = 0,
        stop: int = 100,
    ) -> list[Hit]:
        return self.search.search(self.connection, text, kinds, languages, start, stop)[0]

    def find(
        self, text: str, kinds: Collection[ConceptType] | None = None, languages: Collection[int] | None = None
    ) -> list[str]:
        return [self.code[hit.row_id] for hit in self.hits(text, kinds, languages)]

    def marked_texts(self, text: str) -> list[str]:
        return [hit.marked for hit in self.hits(text)]

    def suggest(
        self,
        prefix: str,
        languages: Collection[int] | None = None,
        most: int = 10,
        types: Collection[ConceptType] | None = frozenset({OCCUPATIONAL_PROFILE}),
    ) -> list[str]:
        suggestions = self.search.suggest(self.connection, prefix, types, languages, most)
        return [suggestion.text for suggestion in suggestions]


def _shuffle(items: list[T], shuffle: random.Random | None) -> list[T]:
    if shuffle is not None:
        shuffle.shuffle(items)
    return items


Make = Callable[..., Release]


@pytest.fixture
def release() -> Iterator[Make]:
    """Makes releases of profiles: OP-1 has the first text as its title, or all of a list of texts, and so on."""
    connections: list[sqlite3.Connection] = []

    def make(
        *profiles: str | Sequence[Text], shuffle: random.Random | None = None, **others: Sequence[Text]
    ) -> Release:
        connections.append(sqlite3.connect(":memory:"))
        things: dict[str, Sequence[Text]] = {
            f"OP-{position}": [title(texts)] if isinstance(texts, str) else texts
            for position, texts in enumerate(profiles, 1)
        }
        things |= {code.replace("_", "-"): texts for code, texts in others.items()}
        return Release(connections[-1], things, shuffle)

    yield make
    for connection in connections:
        connection.close()


@pytest.mark.parametrize(
    ("text", "typed"),
    [
        ("Éducateur spécialisé", "EDUCATEUR SPECIALISE"),
        ("Educateur", "éducateur"),
        ("Straßenbauer", "strassenbauer"),
        ("Strassenbauer", "Straßenbauer"),
        ("maître d'œuvre", "maitre d’oeuvre"),
        ("Bäcker", "backer"),
        ("vracht\u00adwagen", "vrachtwagen"),
    ],
)
def test_accents_case_and_punctuation_are_ignored(release: Make, text: str, typed: str) -> None:
    results = release(text, "iets anders").hits(typed)
    assert [(hit.text, hit.score) for hit in results] == [(text, 1.0)]


@pytest.mark.parametrize(
    ("language", "text", "typed"),
    [
        (NL, "werkt met hout", "werken"),
        (NL, "verpleegkundige", "verpleegkundigen"),
        (FR, "infirmier de nuit", "infirmières"),
        (FR, "infirmier de nuit", "infirmieres"),
        (EN, "nurses", "nursing"),
        (DE, "Gärtner", "gärtnerinnen"),
    ],
)
def test_inflected_forms_of_a_word_match(release: Make, language: int, text: str, typed: str) -> None:
    assert release([title(text, language)], "iets anders").find(typed) == ["OP-1"]


def test_the_exact_word_ranks_above_its_inflected_forms(release: Make) -> None:
    made = release("nurses at night", "nurse at night", "nursing at night")
    assert made.find("nurse at home")[0] == "OP-2"


@pytest.mark.parametrize("typed", ["chauffeur", "chauffeurs", "vrachtwagen", "wagenchau"])
def test_a_compound_is_found_by_its_parts(release: Make, typed: str) -> None:
    assert release("vrachtwagenchauffeur", "kok", SK_1=[label("chauffeur")]).find(typed, PROFILES) == ["OP-1"]


def test_three_letters_are_not_a_compound_part(release: Make) -> None:
    assert release("vrachtwagenchauffeur", "kok").find("wag") == []


def test_prefix_matches_rank_above_suffix_and_infix_matches(release: Make) -> None:
    made = release("prewagening", "bestelwagen", "wagenbouwer")
    assert made.find("wagen") == ["OP-3", "OP-2", "OP-1"]


@pytest.mark.parametrize(
    ("text", "typed"),
    [
        ("verpleegkundige in een ziekenhuis", "ziekenhuisverpleegkundige"),
        ("gids in de stad", "stadsgids"),
        ("winkel met een boek", "boekenwinkel"),
        ("Pfleger in der Klinik", "klinikpfleger"),
    ],
)
def test_an_unknown_compound_is_split_into_its_words(release: Make, text: str, typed: str) -> None:
    first, second = text.split()[0], text.split()[-1]
    made = release(text, f"een {first} alleen", f"een {second} alleen")
    assert made.find(typed)[0] == "OP-1"
    assert made.hits(typed)[0].marked.count("<mark>") == 2


def test_the_head_of_an_unknown_compound_is_found(release: Make) -> None:
    assert release("receptionist", "hotel").find("campingreceptionist") == ["OP-1"]


def test_the_first_part_of_an_unknown_compound_matches(release: Make) -> None:
    assert release("coordinator", "uitvaartondernemer", "kok").find("uitvaartcoordinator") == ["OP-1", "OP-2"]


def test_function_words_are_not_forms_of_other_words(release: Make) -> None:
    made = release([title("professeur de danse", FR)], [title("cuisinier dans un hôtel", FR)])
    assert made.find("danse") == ["OP-1"]


def test_a_prefix_of_a_word_matches(release: Make) -> None:
    made = release("verpleegkundige", "verplaatsbare kraan")
    assert made.find("verpl") == ["OP-1", "OP-2"]
    assert made.find("verplee") == ["OP-1"]
    assert made.find("ve") == []


@pytest.mark.parametrize(
    ("text", "typed"),
    [
        ("metselaar", "mestelaar"),
        ("metselaar", "metselar"),
        ("metselaar", "metseelaar"),
        ("metselaar", "metsalaar"),
        ("metselaar", "mestelar"),
        ("kapper", "kaper"),
        ("kok", "kko"),
        ("sociaal werker", "socia lawerker"),
        ("social worker", "socia lworker"),
        ("data analist", "data anaist"),
    ],
)
def test_one_typo_in_a_word_is_tolerated(release: Make, text: str, typed: str) -> None:
    assert release(text, "iets heel anders").find(typed) == ["OP-1"]


@pytest.mark.parametrize(
    ("text", "typed"), [("kok", "kek"), ("kapper", "kpaer"), ("norm iso9001", "iso9002"), ("metselaar", "mtsleara")]
)
def test_more_than_one_typo_is_another_word(release: Make, text: str, typed: str) -> None:
    assert release(text, "iets heel anders").find(typed) == []


def test_a_word_in_the_release_is_not_corrected(release: Make) -> None:
    made = release("laser", "lager", "kapper")
    assert made.find("laser") == ["OP-1"]
    assert made.find("laxer") == ["OP-1", "OP-2"]


def test_another_form_of_a_short_word_in_the_release_is_not_corrected(release: Make) -> None:
    made = release("wonden verzorgen", "regels rond afval", "wondzorg")
    assert made.find("wond") == ["OP-1", "OP-3"]


def test_a_word_in_the_release_is_corrected_if_there_are_no_hits(release: Make) -> None:
    made = release("trial", "trial manager", SK_1=[label("trail")])
    assert made.find("trail") == ["SK-1"]
    assert made.find("trail", PROFILES) == ["OP-1", "OP-2"]
    assert made.marked_texts("trail manager")[0] == "<mark>trial</mark> <mark>manager</mark>"


def test_titles_rank_above_alternative_names_and_descriptions(release: Make) -> None:
    made = release(
        [title("iets"), description("kok")],
        [title("kok en bakker")],
        [title("bakker"), name("kok")],
        [title("kok")],
        [title("chef"), name("kok en chef")],
        SK_1=[label("kok")],
    )
    assert made.find("kok") == ["OP-4", "OP-3", "SK-1", "OP-2", "OP-5", "OP-1"]
    assert [hit.score for hit in made.hits("kok")] == sorted((hit.score for hit in made.hits("kok")), reverse=True)
    assert [hit.field for hit in made.hits("kok")][:3] == ["title", "alternativeNames", "description"]


def test_an_exact_name_matches_regardless_of_punctuation(release: Make) -> None:
    made = release("kok/kokkin", "kok kokkin hulp")
    assert made.hits("Kok (kokkin)")[0].score == 1.0


def test_shorter_texts_rank_first(release: Make) -> None:
    made = release("kok van het grote schip", "kok op schip", "chef kok op een groot schip")
    assert made.find("kok schip") == ["OP-2", "OP-1", "OP-3"]


def test_equal_hits_are_ordered_by_code_whatever_the_insertion_order(release: Make) -> None:
    same = ["kok"] * 12
    orders = {tuple(release(*same, shuffle=random.Random(seed)).find("kok")) for seed in range(5)}
    assert orders == {tuple(f"OP-{n}" for n in range(1, 13))}


def test_a_shared_name_finds_every_profile_with_it(release: Make) -> None:
    made = release(*([title(f"beroep {n}"), name("hulp")] for n in range(8)), "hulp in de keuken")
    results = made.hits("hulp")
    assert [made.code[hit.row_id] for hit in results] == [f"OP-{n}" for n in range(1, 10)]
    assert {hit.score for hit in results[:8]} == {0.95}


def test_a_concept_is_one_hit_by_its_best_text(release: Make) -> None:
    made = release([title("kok in een keuken"), name("keukenkok"), name("kok", FR), description("een kok kookt")])
    (hit,) = made.hits("kok")
    assert (hit.text, hit.field, hit.language) == ("kok", "alternativeNames", FR)
    assert release([title("kok in de grote keuken van een school"), name("chef kok")]).hits("kok")[0].text == "chef kok"


def test_hits_can_be_limited_by_type_and_language(release: Make) -> None:
    made = release(
        [title("manager"), title("manager", EN)],
        [title("chef", FR), name("manager", FR)],
        SK_1=[label("manager", EN)],
        CP_1=[label("manager", EN), label("chef", FR)],
    )
    assert made.find("manager") == ["OP-1", "OP-2", "SK-1"]
    assert made.find("manager", PROFILES) == ["OP-1", "OP-2"]
    assert made.find("manager", {SKILL, TECHNICAL_COMPETENCE}) == ["SK-1"]
    assert made.find("manager", {TECHNICAL_COMPETENCE}) == ["CP-1"]
    assert made.find("manager", None, {FR}) == ["OP-2"]
    assert made.find("manager", PROFILES, {EN, DE}) == ["OP-1"]
    assert [hit.language for hit in made.hits("manager", PROFILES, {EN, FR})] == [EN, FR]
    assert made.find("manager", set()) == []
    assert made.find("manager", None, set()) == []


def test_texts_with_all_words_rank_first_and_one_rare_word_suffices(release: Make) -> None:
    made = release("kok in een school", "kok op een schip", "schilder van een schip", "conducteur op de trein")
    assert made.find("kok schip") == ["OP-2", "OP-1", "OP-3"]
    assert made.find("kok schip blablabla") == ["OP-2", "OP-1", "OP-3"]
    many = release(*["kok op een schip"] * 20, "kok op de trein")
    assert many.find("kok schip") == [f"OP-{n}" for n in range(1, 22)]
    assert many.find("kok trein")[0] == "OP-21"


def test_function_words_and_single_letters_are_optional(release: Make) -> None:
    made = release("kok", "conducteur op de trein")
    assert made.find("de kok van het huis")[0] == "OP-1"
    assert made.find("Kok (m/v/x)") == ["OP-1"]
    assert made.find("op de") == ["OP-2"]


def test_words_and_prefixes_in_any_script_are_found(release: Make) -> None:
    texts = ["zebra", "μάγειρος", "повар", "𐐔𐐇𐐝𐐀𐐡𐐇𐐓", "طباخ", "요리사"]
    made = release(*texts)
    for code, text in enumerate(texts, 1):
        assert made.find(text) == made.find(text[:3]) == [f"OP-{code}"]
        assert made.suggest(text[:2]) == [text]


def test_unknown_words_have_no_hits(release: Make) -> None:
    assert release("kok").find("zzzzqqqq") == []
    assert release("kok").find("zzzzqqqq van de") == []
    assert Release.find(release(), "kok") == []


def test_matched_words_are_marked_as_written(release: Make) -> None:
    made = release("Hôtelier & <Traiteur>, chef des Hôteliers")
    assert made.marked_texts("hotelier") == [
        "<mark>Hôtelier</mark> &amp; &lt;Traiteur&gt;, chef des <mark>Hôteliers</mark>"
    ]
    assert made.marked_texts("traituer") == ["Hôtelier &amp; &lt;<mark>Traiteur</mark>&gt;, chef des Hôteliers"]


def test_the_rarest_function_word_is_used_if_no_other_word_is_known(release: Make) -> None:
    cooks = [[title(f"Kok in keuken {number}")] for number in range(8)]
    it = release([title("Bakker in de haven met oven"), title("Baker in a kitchen", EN)], *cooks)
    assert it.find("kitchen in met", PROFILES)[0] == "OP-1"
    assert it.find("kitchen in met", PROFILES, [NL]) == ["OP-1"]
    assert len(it.find("kitchen in", PROFILES, [NL])) == 9
    assert it.find("kitchen in", PROFILES, [EN]) == ["OP-1"]


def test_memoized_words_are_as_expanded_and_bounded(release: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    it = release("Kok", "Scheepskok", "Koks in hotels")
    texts = it.search.texts(it.connection)
    monkeypatch.setattr(query_expansion, "MAX_OTHERS", 2)
    first = expand(it.connection, texts.vocabulary, texts.expansions, "koks kkok")
    first[0].add(["changed"], 1.0)
    second = expand(it.connection, texts.vocabulary, texts.expansions, "koks kkok")
    assert "changed" not in second[0].weights
    assert second[1] == first[1]
    assert list(second[1].weights) == list(first[1].weights)
    for typo in ("kokk", "koki", "koka"):
        expand(it.connection, texts.vocabulary, texts.expansions, typo)
    assert len(texts.expansions) == 1 + 2  # "koks", and the last of the others


def test_function_words_are_marked_in_names_only(release: Make) -> None:
    text = "Zorgt voor de kinderen van de school"
    assert release([title("x"), description(text)]).marked_texts("kinderen van school") == [
        "Zorgt voor de <mark>kinderen</mark> van de <mark>school</mark>"
    ]
    assert release("kinderen van de school").marked_texts("kinderen van school") == [
        "<mark>kinderen</mark> <mark>van</mark> de <mark>school</mark>"
    ]


def test_pages_of_hits_are_slices_of_one_order(release: Make) -> None:
    made = release(*(f"kok nummer {n}" for n in range(30)))
    complete = made.hits("kok")
    assert len(complete) == 30
    assert [hit for start in range(0, 30, 7) for hit in made.hits("kok", start=start, stop=start + 7)] == complete
    assert made.hits("kok", start=30) == made.hits("kok", start=5, stop=5) == []
    assert [made.search.search(made.connection, "kok", None, None, 0, stop)[1] for stop in (0, 5, 99)] == [30] * 3
    assert made.search.row_ids(made.connection, "kok", None, None) == [hit.row_id for hit in complete]


def test_a_common_word_finds_every_profile_with_it(release: Make) -> None:
    size = 600
    names = [[title(f"manager {n:04}"), *(name(f"manager {n:04} {more}") for more in range(2))] for n in range(size)]
    made = release(*names, [title("x"), description("een manager")])
    assert len(made.hits("manager", stop=MAX_RESULTS)) == size + 1
    assert made.find("manager 0599 1")[0] == "OP-600"


def test_the_number_of_hits_is_bounded(release: Make) -> None:
    made = release(*(f"manager {n:04}" for n in range(MAX_RESULTS + 50)))
    hits, total = made.search.search(made.connection, "manager", None, None, 0, 5000)
    assert (len(hits), total) == (MAX_RESULTS, MAX_RESULTS)
    assert len({hit.row_id for hit in hits}) == MAX_RESULTS


def test_an_exact_name_is_found_behind_hundreds_of_other_texts(release: Make) -> None:
    made = release(
        *(f"manager {n:04}" for n in range(550)),
        [title("opperste manager van alles"), name("manager")],
    )
    assert made.find("manager")[0] == "OP-551"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        *((text, "has no letter and no digit") for text in ("", " ", "!? *", '"', "\x00")),
        ("kok \ud800", "has half of a surrogate pair"),
        ("k" * (MAX_TEXT_CHARS + 1), "has 301 characters; the limit is 300"),
        ("kok " * 10_000, "has 40,000 characters"),
    ],
)
def test_a_text_without_a_word_or_too_long_is_bad_input(release: Make, text: str, message: str) -> None:
    with pytest.raises(BadUserInput, match=message):
        release("kok").hits(text)


@pytest.mark.parametrize(
    "text", ["AND", "or", "NOT kok", "NEAR(kok, 2)", '"kok', "k*", "^kok", "words:kok", "kok)", "'--"]
)
def test_query_operators_are_plain_words(release: Make, text: str) -> None:
    made = release("and or not near words", "kok")
    typed = "".join(letter if letter.isalnum() else " " for letter in text)
    if typed.strip():
        assert made.hits(text) == made.hits(typed)
        assert made.suggest(text) == made.suggest(typed)


OPERATORS = ["AND", "OR", "NOT", "NEAR", '"', "*", "^", ":", "(", ")", "{", "}", "-", "+", ",", "'", ";", "--", "\x00"]
WORDS = ["kok", "chefkok", "keukens", "école", "½", "3½", "a", "de", "zzzz", "restuarant", "scheepskok", "\ud800", "😀"]
TYPED = st.text(st.characters(exclude_categories=()), max_size=400) | st.lists(
    st.sampled_from([*OPERATORS, *WORDS, " "]), max_size=150
).map("".join)


@pytest.fixture(scope="module")
def strange_texts() -> Iterator[Release]:
    """A release with texts of all sorts."""
    with closing(sqlite3.connect(":memory:")) as connection:
        texts = [title("kok"), name("3½ kok ½"), name('AND "NOT" near*'), description("restaurant, école, keuken; ½")]
        yield Release(connection, {"OP-1": texts, "OP-2": [title("\x00"), title("scheeps kok")], "SK-1": [label("")]})


@settings(max_examples=400)
@given(TYPED)
def test_any_text_gives_hits_or_bad_input(strange_texts: Release, text: str) -> None:
    for search in (strange_texts.hits, strange_texts.suggest):
        try:
            results = search(text)
        except BadUserInput:
            continue
        assert len(results) <= 3


def test_texts_of_the_maximum_length_give_hits(strange_texts: Release) -> None:
    for text in ("a " * (MAX_TEXT_CHARS // 2), "\ufdfa" * MAX_TEXT_CHARS, "kok" * (MAX_TEXT_CHARS // 3), "zw" * 150):
        assert len(strange_texts.hits(text)) <= 3
        assert len(strange_texts.suggest(text)) <= 3


def all_rows(connection: sqlite3.Connection) -> dict[str, list[object]]:
    """All rows of all tables."""
    tables = "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name"
    return {
        name: connection.execute(f"SELECT * FROM {name}").fetchall()
        for (name,) in connection.execute(tables).fetchall()
    }


def test_the_number_of_looked_up_words_is_bounded(release: Make) -> None:
    connection = release(" ".join(f"kok{n}" for n in range(200))).connection
    assert (
        len(
            expand(
                connection, Vocabulary(connection), query_expansion.Expansions(), " ".join(f"x{n}" for n in range(40))
            )
        )
        == MAX_WORDS
    )
    (meant,) = expand(connection, Vocabulary(connection), query_expansion.Expansions(), "kok")
    assert 0 < len(meant.weights) <= 2 * MAX_MATCHING_WORDS + 2 * MAX_LONGER_WORDS


def test_rewritten_tables_are_equal_and_follow_the_texts(release: Make) -> None:
    made = release("kok", "bakker", SK_1=[label("koken")])
    before = all_rows(made.connection)
    made.write()
    assert all_rows(made.connection) == before
    made.connection.execute("PRAGMA query_only = OFF")
    made.connection.execute("INSERT INTO text VALUES (1, ?, ?, 'slager')", (NAME, NL))
    made.connection.commit()
    made.write()
    assert Search().search(made.connection, "slager", None, None, 0, 5)[0][0].text == "slager"


def test_search_tables_are_written_in_the_open_transaction(release: Make) -> None:
    made = release("kok")
    made.connection.execute("PRAGMA query_only = OFF")
    made.connection.execute("UPDATE text SET text = 'slager'")
    write_search(made.connection)
    assert made.suggest("slag") == ["slager"]
    made.connection.rollback()
    made.search = Search()
    assert (made.suggest("slag"), made.suggest("ko")) == ([], ["kok"])


def test_threads_share_a_search_and_each_file_has_its_own(tmp_path: Path) -> None:
    files = {text: tmp_path / f"{text}.sqlite" for text in ("kok", "kop")}
    for text, file in files.items():
        with closing(sqlite3.connect(file)) as connection:
            Release(connection, {"OP-1": [title(text)]})
    searches = {text: Search() for text in files}

    def ask(text: str) -> list[str]:
        with closing(sqlite3.connect(f"{files[text].as_uri()}?mode=ro&immutable=1", uri=True)) as connection:
            return [hit.text for hit in searches[text].search(connection, "kok", None, None, 0, 5)[0]]

    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(ask, ["kok", "kop"] * 20)) == [["kok"], []] * 20


def test_suggestions_rank_by_prefix_then_title_then_length(release: Make) -> None:
    made = release(
        "grote keukenkok",
        [title("x"), name("kok")],
        "kok aan de wal",
        "kok van zee",
        [title("y"), name("chef kok")],
        "een kok",
        SK_1=[label("kok")],
    )
    assert made.suggest("kok") == ["kok van zee", "kok aan de wal", "kok", "een kok", "chef kok"]
    assert made.suggest("kok", most=2) == ["kok van zee", "kok aan de wal"]


def test_the_last_typed_word_is_a_prefix_and_the_others_are_complete(release: Make) -> None:
    made = release("Éducateur de rue", "éducation de l'enfant", "rue de l'éducateur")
    assert made.suggest("educateur ru") == ["Éducateur de rue", "rue de l'éducateur"]
    assert made.suggest("EDUC") == ["Éducateur de rue", "éducation de l'enfant", "rue de l'éducateur"]
    assert made.suggest("educa ru") == []
    assert made.suggest("rue de l'é") == ["rue de l'éducateur"]
    assert made.suggest("ateur") == []


def test_a_profile_is_suggested_once_in_the_requested_languages(release: Make) -> None:
    made = release([title("kok"), title("cook", EN), name("kokkin"), name("keukenpiet")], [title("kokos", DE)])
    assert made.suggest("k") == ["kok", "kokos"]
    assert made.suggest("ko", {NL}) == ["kok"]
    assert made.suggest("c", {EN}) == ["cook"]
    assert made.suggest("c", {NL}) == made.suggest("k", set()) == []
    assert made.search.suggest(made.connection, "keu", PROFILES, None, 5) == [
        (1, "alternativeNames", NL, "keukenpiet", "<mark>keu</mark>kenpiet")
    ]


@pytest.mark.parametrize("prefix", ["", "  ", "?!", "\x00"])
def test_an_empty_text_has_no_suggestions(release: Make, prefix: str) -> None:
    assert release("kok").suggest(prefix) == []
    assert release("kok").suggest("k", most=0) == []


def test_an_overlong_text_or_a_lone_surrogate_is_bad_input(release: Make) -> None:
    with pytest.raises(BadUserInput, match="`prefix` has 301 characters; the limit is 300"):
        release("kok").suggest("k" * (MAX_TEXT_CHARS + 1))
    with pytest.raises(BadUserInput, match="`prefix` has half of a surrogate pair"):
        release("kok").suggest("\ud800")


def test_rare_words_of_a_sentence_weigh_more(release: Make) -> None:
    made = release("werken in een bakkerij", "kinderbegeleider", "iemand met een job")
    assert made.find("ik wil met kinderen werken") == ["OP-2"]
    assert made.find("een job met werken")[:2] == ["OP-3", "OP-1"]


def test_a_profile_with_any_of_the_rare_words_is_found(release: Make) -> None:
    made = release("lasser", "elektrolasser", [title("robot"), description("MIG/MAG gelast")], "bakker")
    assert made.find("lasser mig mag") == ["OP-1", "OP-3", "OP-2"]
    assert made.find("lasser mig/mag")[:2] == ["OP-3", "OP-1"]


def test_names_that_differ_by_punctuation_are_different_words(release: Make) -> None:
    made = release(
        "C++ ontwikkelaar", "C# ontwikkelaar", "kok c", [title("chauffeur"), name("rijbewijs CE")], "ce film"
    )
    assert made.find("C++") == ["OP-1"]
    assert made.find("c#") == ["OP-2"]
    assert made.hits("C# ontwikkelaar")[0].score == 1.0
    assert made.find("CE")[0] == "OP-4"
    assert made.marked_texts("C++") == ["<mark>C++</mark> ontwikkelaar"]


@pytest.mark.parametrize(
    ("text", "typed"),
    [
        ("perser keramiek", "peres rkeramiek"),
        ("Schiffsmechatroniker", "Schiffsmecharytoniker"),
        ("mining engineer", "mining xnginer"),
        ("couleur en céramique", "couler en uéramique"),
    ],
)
def test_a_name_with_two_typos_is_the_first_hit(release: Make, text: str, typed: str) -> None:
    made = release("mining assistant", "couler une piece", text, "keramiek")
    assert made.find(typed)[0] == "OP-3"


def test_an_unknown_compound_finds_others_with_its_parts(release: Make) -> None:
    made = release("tekstdichter", "gehaltsabrechner", "bakker")
    assert made.find("Lieddichter") == ["OP-1"]
    assert made.find("Gehaltsverrechner") == ["OP-2"]


def test_a_typo_that_makes_another_word_finds_the_name_too(release: Make) -> None:
    made = release("metal worker", "meal attendant", "social worker")
    assert made.find("meal worker")[0] == "OP-1"


def test_repeated_searches_reuse_looked_up_words(release: Make) -> None:
    made = release("kok", "kokkin")
    statements: list[str] = []
    first = made.hits("kokkin")
    made.connection.set_trace_callback(statements.append)
    assert made.hits("kokkin") == first
    made.connection.set_trace_callback(None)
    assert statements
    assert not any("stem" in statement or "word_part" in statement for statement in statements)
