"""SSSOM/TSV files of mappings: what is read, and which rows are reported."""

import pytest

from graphql_api.competent import sssom
from graphql_api.competent.sssom import InvalidMappings, Mapped, MappingMatch, RowProblem, read_mappings, scheme_key

UUID = "8c15a1bf-9699-43ae-b890-f79ac3e5f461"
METADATA = """#curie_map:
#  esco: http://data.europa.eu/esco/occupation/
#  ROME: https://example.org/rome/
#  onet: "https://example.org/onet#"
#mapping_set_title: Hand-made
"""
COLUMNS = "subject_id\tpredicate_id\tobject_id\tobject_label\tmapping_justification"
ROW = "competent:CP-7\tskos:exactMatch\tesco:abc\tHead nurse\tsemapv:ManualMappingCuration"


def read(*rows: str, columns: str = COLUMNS, metadata: str = METADATA) -> list[Mapped | RowProblem]:
    return list(read_mappings((metadata + "\n".join((columns, *rows)) + "\n").encode()))


def row(**values: str) -> str:
    defaults = dict(zip(COLUMNS.split("\t"), ROW.split("\t"), strict=True))
    return "\t".join((defaults | values).values())


def test_a_row_is_a_mapping() -> None:
    assert read(ROW) == [
        Mapped(
            "CP-7",
            "ESCO",
            "http://data.europa.eu/esco/occupation/abc",
            "abc",
            "Head nurse",
            MappingMatch.EXACT,
            "Hand-made",
        )
    ]


@pytest.mark.parametrize(
    ("subject", "expected"),
    [
        ("competent:CP-7", "CP-7"),
        ("competent:cp-7", "CP-7"),
        ("CP-7", "CP-7"),
        (UUID, UUID),
        (UUID.upper(), UUID),
        (f"competent:{UUID}", UUID),
    ],
)
def test_subjects_are_codes_and_uuids(subject: str, expected: str) -> None:
    (mapped,) = read(row(subject_id=subject))

    assert isinstance(mapped, Mapped)
    assert mapped.subject == expected


@pytest.mark.parametrize("match", MappingMatch)
def test_every_skos_match_property_is_read(match: MappingMatch) -> None:
    short, long = read(
        row(predicate_id=f"skos:{match.value}"),
        row(predicate_id=f"http://www.w3.org/2004/02/skos/core#{match.value}"),
    )

    assert isinstance(short, Mapped)
    assert short == long
    assert short.match is match


@pytest.mark.parametrize(
    ("object_id", "source", "scheme", "code"),
    [
        ("ROME:K1302", "", "ROME", "K1302"),
        ("onet:29-1141.00", "", "O*NET", "29-1141.00"),
        ("https://example.org/rome/K1302", "", "ROME", "K1302"),
        ("https://example.org/elsewhere/1", "Talent Brussels", "Talent Brussels", None),
        ("https://example.org/elsewhere/1", "House list", "House list", None),
        ("ROME:K1302", "competent1", "Competent 1", "K1302"),
    ],
)
def test_the_classification_comes_from_the_object(object_id: str, source: str, scheme: str, code: str | None) -> None:
    (mapped,) = read(row(object_id=object_id) + f"\t{source}", columns=f"{COLUMNS}\tobject_source")

    assert isinstance(mapped, Mapped)
    assert (mapped.scheme, mapped.code) == (scheme, code)


def test_values_of_the_mapping_set_apply_to_rows_without_their_own() -> None:
    columns = f"{COLUMNS}\tmapping_provider"
    rows = read(f"{ROW}\thttps://example.org/us", ROW, columns=columns, metadata=METADATA + "#object_source: ROME\n")

    assert [mapped.source for mapped in rows if isinstance(mapped, Mapped)] == ["https://example.org/us", "Hand-made"]
    assert {mapped.scheme for mapped in rows if isinstance(mapped, Mapped)} == {"ROME"}


def test_negative_mappings_are_skipped() -> None:
    columns = f"{COLUMNS}\tpredicate_modifier"

    assert read(f"{ROW}\tNot", row(object_id="sssom:NoTermFound") + "\t", columns=columns) == []


def test_quotes_blank_lines_byte_order_marks_and_columns_are_accepted() -> None:
    text = f"\ufeff{METADATA}{COLUMNS}\tcomment\r\n\r\n{row(object_label=chr(34) + 'a ' + chr(34) * 2 + 'b' + chr(34) * 3)}\tx\r\n"
    (mapped,) = read_mappings(text.encode())

    assert isinstance(mapped, Mapped)
    assert mapped.label == 'a "b"'


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (row(subject_id="CP 7"), "subject_id 'CP 7' is neither competent:CODE"),
        (row(subject_id="esco:abc"), "subject_id 'esco:abc' is neither"),
        (row(subject_id=""), "subject_id is empty"),
        (row(predicate_id="skos:sameAs"), "predicate_id 'skos:sameAs' is not one of skos:exactMatch"),
        (row(predicate_id="owl:sameAs"), "has a prefix that curie_map does not declare"),
        (row(object_id="nowhere:1"), "object_id 'nowhere:1' has a prefix that curie_map does not declare"),
        (row(object_id="abc"), "object_id 'abc' has no prefix"),
        (row(object_id="https://example.org/other/1"), "its classification is unknown"),
        (row(object_id="esco:a b"), "is not an http or https address"),
        (row(object_label="x" * 1001), "object_label has more than 1,000 characters"),
        (row(mapping_justification=""), "mapping_justification is empty"),
        (f"{ROW}\tone too many", "it has 6 values for 5 columns"),
        ("competent:CP-7\tskos:exactMatch", "object_id is empty"),
    ],
)
def test_an_invalid_row_is_reported_by_its_line_and_the_rest_is_read(bad: str, reason: str) -> None:
    before, problem, after = read(ROW, bad, ROW)

    assert isinstance(problem, RowProblem)
    assert problem.line == 8
    assert reason in problem.message
    assert len(problem.message) < 250
    assert before == after == read(ROW)[0]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "it has no column subject_id, predicate_id, object_id, mapping_justification, separated by tabs"),
        (b"subject_id,object_id\n", "the first columns are subject_id,object_id"),
        (f"{COLUMNS}\tsubject_id\n".encode(), "it has the column subject_id twice"),
        (b"\xff\xfe", "it is not UTF-8 (byte 0)"),
        (b"#a: [\n" + COLUMNS.encode(), "is not YAML"),
        (b"#- a\n" + COLUMNS.encode(), "its metadata has no names"),
        (b"#curie_map: 3\n" + COLUMNS.encode(), "`curie_map` is not a map"),
        (b"#" + b"x" * 200_000 + b"\n" + COLUMNS.encode(), "its metadata has more than 100,000 characters"),
        (f'{METADATA}{COLUMNS}\n"open\n'.encode(), "line 7 is not tab-separated text"),
        (b"#a: !!python/object:os.system x\n" + COLUMNS.encode(), "line 1 is not YAML"),
    ],
)
def test_a_file_that_is_not_sssom_is_refused_completely(data: bytes, reason: str) -> None:
    with pytest.raises(InvalidMappings) as raised:
        list(read_mappings(data))

    assert reason in str(raised.value)


def test_classification_names_are_compared_by_letters_and_digits() -> None:
    assert scheme_key("O*NET") == scheme_key("o net") == "onet"
    assert {scheme_key(name) for name in sssom._SCHEMES.values()} == set(sssom._SCHEMES)
