"""Settings: read from the environment, invalid ones refused."""

import os
import re
from dataclasses import fields
from pathlib import Path

import pytest

from graphql_api.errors import SettingsError
from graphql_api.observability.log_setup import begin_logging
from graphql_api.settings import PREFIX, Settings, variable
from graphql_api.settings.environment import Secret, settings_by_section

ROOT = Path(__file__).parents[2]
LIVE = {"COMPETENT_UPSTREAM_URL": "https://competent.example/v2", "COMPETENT_API_KEY": "k3y"}


def read(environment: dict[str, str]) -> Settings:
    return Settings.from_environment(environment).checked()


def test_without_any_setting_the_sandbox_is_served() -> None:
    assert not read({}).is_remote


def test_a_url_and_a_key_make_it_live() -> None:
    settings = read(LIVE)

    assert settings.is_remote
    assert settings.key().reveal() == "k3y"


def test_values_get_the_type_of_their_default() -> None:
    settings = read(
        {
            "COMPETENT_PORT": "0",
            "COMPETENT_UPSTREAM_ATTEMPT_TIMEOUT": "0.5",
            "COMPETENT_DATA": os.pathsep.join(["a.xlsx", "b.xlsx"]),
        }
    )

    assert (settings.port, settings.upstream_attempt_timeout) == (0, 0.5)
    assert settings.data == (Path("a.xlsx"), Path("b.xlsx"))


def test_other_environment_variables_are_ignored() -> None:
    assert read({"PATH": "/bin", "COMPETENTX": "1"}) == Settings()


@pytest.mark.parametrize(
    ("environment", "says"),
    [
        ({"COMPETENT_PROT": "1"}, "COMPETENT_PROT is not a setting"),
        ({"COMPETENT_PORT": "99999"}, "COMPETENT_PORT must be at most 65535"),
        (LIVE | {"COMPETENT_UPSTREAM_URL": "http://[::1/"}, "must be the base URL"),
        (LIVE | {"COMPETENT_UPSTREAM_URL": "http://127.0.0.1:abc/"}, "must be the base URL"),
        (LIVE | {"COMPETENT_UPSTREAM_URL": "https://user:passw0rd@competent.example"}, "must be the base URL"),
        *(
            ({"COMPETENT_PUBLIC_URL": url}, "COMPETENT_PUBLIC_URL must be an absolute")
            for url in (
                "example.org",
                "//example.org",
                "/competent",
                "ftp://example.org",
                "https://",
                "https://example.org?x=1",
                "https://example.org/a?",
                "https://example.org/#x",
                "https://user@example.org",
                "https://example.org:0",
                "https://example.org:99999",
                "https://[::1",
                "https://[::1::2::3]/",
                "https://example.org/a//b",
                "https://example.org/a b",
                'https://example.org/">',
                "https://example.org/\nx",
            )
        ),
        (
            {"COMPETENT_PUBLIC_URL": "https://example.org/a", "COMPETENT_ROOT_PATH": "/b"},
            "COMPETENT_PUBLIC_URL must end with COMPETENT_ROOT_PATH, /b",
        ),
        (LIVE | {"COMPETENT_API_KEY": "ключ"}, "one line of printable ASCII"),
        (LIVE | {"COMPETENT_API_KEY": "a\nb"}, "one line of printable ASCII"),
        ({"COMPETENT_PORT": "http"}, "COMPETENT_PORT must be a whole number"),
        ({"COMPETENT_WORKERS": "0"}, "COMPETENT_WORKERS must be at least 1"),
        ({"COMPETENT_UPSTREAM_TOTAL_TIMEOUT": "nan"}, "COMPETENT_UPSTREAM_TOTAL_TIMEOUT must be at least"),
        ({"COMPETENT_LOG": "loud"}, "COMPETENT_LOG must be one of"),
        ({"COMPETENT_UPSTREAM_URL": "https://competent.example"}, "requires a key"),
        (LIVE | {"COMPETENT_UPSTREAM_URL": "http://competent.example"}, "must use https"),
        (LIVE | {"COMPETENT_UPSTREAM_URL": "competent.example"}, "must be the base URL"),
        (LIVE | {"COMPETENT_DATA": "a.xlsx"}, "COMPETENT_DATA is for the sandbox"),
        ({**LIVE, "COMPETENT_API_KEY": "", "COMPETENT_API_KEY_FILE": "/no/such/file"}, "COMPETENT_API_KEY_FILE cannot"),
    ],
)
def test_an_invalid_setting_stops_the_start_with_a_message(environment: dict[str, str], says: str) -> None:
    with pytest.raises(SettingsError, match=says):
        read(environment)


@pytest.mark.parametrize(
    ("environment", "address"),
    [
        ({}, None),
        ({"COMPETENT_PUBLIC_URL": "https://example.org"}, "https://example.org/id/3.11"),
        ({"COMPETENT_PUBLIC_URL": "http://127.0.0.1:8000/"}, "http://127.0.0.1:8000/id/3.11"),
        ({"COMPETENT_PUBLIC_URL": "http://[::1]:80"}, "http://[::1]:80/id/3.11"),
        (
            {"COMPETENT_PUBLIC_URL": "https://example.org/a/b/", "COMPETENT_ROOT_PATH": "/b/"},
            "https://example.org/a/b/id/3.11",
        ),
    ],
)
def test_absolute_urls_start_with_the_public_url(environment: dict[str, str], address: str | None) -> None:
    assert read(environment).absolute_url("id/3.11") == address


def test_the_error_for_an_invalid_choice_lists_the_choices() -> None:
    with_choices = [field for field in fields(Settings) if field.metadata["choices"]]
    assert len(with_choices) >= 12
    for item in with_choices:
        for choice in item.metadata["choices"]:
            if item.name != "persisted_mode":  # which wants manifests
                assert getattr(read({variable(item): choice}), item.name) == choice
        message = f"{variable(item)} must be .*{item.metadata['choices'][-1]}"
        with pytest.raises(SettingsError, match=message):
            read({variable(item): "nonsense"})


def test_one_error_lists_all_invalid_settings() -> None:
    with pytest.raises(SettingsError, match=r"COMPETENT_A is .*; COMPETENT_B is "):
        read({"COMPETENT_A": "1", "COMPETENT_B": "1"})


def test_the_former_name_of_a_setting_is_refused_with_its_new_name() -> None:
    renamed = {
        PREFIX + field.metadata["formerly"]: variable(field) for field in fields(Settings) if field.metadata["formerly"]
    }
    assert renamed.items() >= {
        ("COMPETENT_PLANS", "COMPETENT_COMPILED_QUERIES"),
        ("COMPETENT_PLAN", "COMPETENT_UPSTREAM_RATE_LIMIT"),
        ("COMPETENT_ANSWER_BYTES", "COMPETENT_RESPONSE_CACHE_BYTES"),
        ("COMPETENT_KEEP_RELEASE", "COMPETENT_RELEASE_TTL"),
        ("COMPETENT_KEEP_CURRENT", "COMPETENT_CURRENT_TTL"),
        ("COMPETENT_KEEP_MISSING", "COMPETENT_NOT_FOUND_TTL"),
        ("COMPETENT_SERVE_STALE", "COMPETENT_STALE_TTL"),
        ("COMPETENT_MAX_WORKING", "COMPETENT_MAX_EXECUTING"),
        ("COMPETENT_STATUSES", "COMPETENT_STATUS_POLICY"),
    }
    for former, new in renamed.items():
        with pytest.raises(SettingsError, match=f"^{former} is now {new}[.;]"):
            read({former: "1"})


def test_no_former_name_is_the_name_of_a_setting() -> None:
    former = [field.metadata["formerly"] for field in fields(Settings) if field.metadata["formerly"]]

    assert len(former) == len(set(former))
    assert not {PREFIX + item for item in former} & {variable(field) for field in fields(Settings)}


def test_a_misspelt_setting_is_refused_with_a_suggestion() -> None:
    with pytest.raises(
        SettingsError, match=r"COMPETENT_PROT is not a setting of this server \(did you mean COMPETENT_PORT\?\)"
    ):
        read({"COMPETENT_PROT": "1"})


def test_a_loopback_upstream_needs_neither_key_nor_https() -> None:
    assert read({"COMPETENT_UPSTREAM_URL": "http://127.0.0.1:9000"}).is_remote


def test_a_key_is_read_from_its_file(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(" k3y\n")

    assert (
        read({**LIVE, "COMPETENT_API_KEY": "", "COMPETENT_API_KEY_FILE": str(tmp_path / "key")}).key().reveal() == "k3y"
    )


@pytest.mark.parametrize("mode", [0o600, 0o644])
def test_a_key_file_readable_by_others_is_logged_at_startup(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, mode: int
) -> None:
    file = tmp_path / "key"
    file.write_text("k3y", encoding="utf-8")
    file.chmod(mode)
    monkeypatch.setattr("graphql_api.observability.log_setup.start_logging", lambda *_: None)
    begin_logging(read({**LIVE, "COMPETENT_API_KEY": "", "COMPETENT_API_KEY_FILE": str(file)}))

    assert caplog.text.count(f"chmod 600 {file}") == (mode != 0o600)
    assert "k3y" not in caplog.text


@pytest.mark.parametrize("problem", ["pipe", "folder", "huge", "binary", "missing"])
def test_a_key_file_that_is_huge_or_not_text_is_refused(tmp_path: Path, problem: str) -> None:
    file = tmp_path / "key"
    match problem:
        case "pipe":
            os.mkfifo(file)
        case "folder":
            file.mkdir()
        case "huge":
            file.write_bytes(b"k" * 1_000_000)
        case "binary":
            file.write_bytes(b"\xff\xfe")
    with pytest.raises(SettingsError, match="COMPETENT_API_KEY_FILE") as refused:
        read({**LIVE, "COMPETENT_API_KEY": "", "COMPETENT_API_KEY_FILE": str(file)}).key()

    assert str(file) in str(refused.value)


def test_a_secret_is_never_shown() -> None:
    secret = Secret("k3y")

    assert "k3y" not in f"{secret!r} {secret!s} {secret} {secret:>10} {read(LIVE)!r}"
    assert secret.reveal() == "k3y"


def test_every_setting_is_in_a_section_and_ten_come_first() -> None:
    sections = settings_by_section(fields(Settings))

    assert all(sections.values())
    assert sorted(field.name for group in sections.values() for field in group) == sorted(
        field.name for field in fields(Settings)
    )
    assert len(next(iter(sections.values()))) == 10


def test_the_help_of_a_setting_names_unit_and_default_in_plain_english() -> None:
    for field in fields(Settings):
        text = field.metadata["help"]
        assert text.endswith((".", ").")), text
        assert "|" not in text, "a cell of a table"
        assert not re.search(r"^(Most|Longest|Largest|How it)\b|\b(asked|kept)\b", text), text
        if isinstance(field.default, float) or field.name.endswith(("_bytes", "_timeout")):
            assert re.search(r"\bin (seconds|bytes)\b", text), text
        if field.default in ("", None, ()):
            assert re.search(r"Unset: |Required with |instead of |Manifests|Path prefix", text), text


def test_every_setting_named_in_docs_and_deployments_exists() -> None:
    names = {variable(field) for field in fields(Settings)} | {"COMPETENT_ACCES"}  # an example of a misspelt one
    files = [*(ROOT / "docs").rglob("*.md"), *(ROOT / "deploy").iterdir(), *(ROOT / "graphql_api").rglob("*.py")]
    files += [ROOT / name for name in ("README.md", "SECURITY.md", "Makefile", "Dockerfile")]
    for file in files:
        named = set(re.findall(r"COMPETENT_[A-Z][A-Z_]*(?![…A-Z_*])", file.read_text(encoding="utf-8")))
        unknown = {name for name in named - names if not re.match("COMPETENT_(GRAPHQL|SERVICE|PORT)_", name)}
        assert not unknown, file
