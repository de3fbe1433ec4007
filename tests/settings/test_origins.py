"""Which web pages may use the server: by the setting, and by default on this machine; for CORS and WebSockets alike."""

from dataclasses import replace

import pytest

from graphql_api.errors import SettingsError
from graphql_api.settings import Settings
from graphql_api.settings.origins import Origins

LOCAL = (
    "http://localhost:3000",
    "http://localhost",
    "http://127.0.0.1:5173",
    "http://[::1]:8080",
    "https://localhost:4200",
)


@pytest.mark.parametrize("origin", LOCAL)
def test_on_loopback_without_access_local_origins_are_allowed(origin: str) -> None:
    assert Settings().origins.allow(origin)


@pytest.mark.parametrize(
    "origin",
    [
        "https://app.example.org",
        "null",
        "http://localhost.evil.example",
        "http://evil.example:3000",
        "http://localhost:3000.evil.example",
        "http://127.0.0.1.evil.example:80",
        "http://localhost:3000/",
        "http://localhost:123456",
        "http://localhost@evil.example",
        "http://localhost:3000\n",
    ],
)
def test_other_origins_are_refused_by_default(origin: str) -> None:
    assert not Settings().origins.allow(origin)


@pytest.mark.parametrize("variables", [{"host": "0.0.0.0"}, {"access": "keys"}, {"access": "passthrough"}])
def test_no_origin_is_allowed_by_default_on_a_network_or_with_keys(variables: dict[str, str]) -> None:
    origins = replace(Settings(), **variables).origins  # type: ignore[arg-type]

    assert not origins
    assert not any(origins.allow(item) for item in LOCAL)


@pytest.mark.parametrize("setting", ["none", " none "])
def test_the_setting_none_allows_no_origin(setting: str) -> None:
    assert not Settings(cors_origins=setting).checked().origins


def test_the_setting_replaces_the_default() -> None:
    origins = Settings(cors_origins="https://app.example.org").checked().origins

    assert origins.allow("https://app.example.org")
    assert not origins.allow("http://localhost:3000")


@pytest.mark.parametrize(
    ("setting", "allowed", "not_allowed"),
    [
        (
            "https://*.example.org",
            ["https://a.example.org", "https://a.b-c.example.org"],
            [
                "https://example.org",
                "https://evilexample.org",
                "http://a.example.org",
                "https://a.example.org:8443",
                "https://a.example.org.evil.example",
                "https://evil.example?.example.org",
                "https://evil.example/.example.org",
            ],
        ),
        ("http://app.test:*", ["http://app.test", "http://app.test:3000"], ["http://app.test:", "http://app.test:x"]),
        ("capacitor://localhost", ["capacitor://localhost"], ["http://localhost", "capacitor://localhost:1"]),
        ("ionic://localhost", ["ionic://localhost"], ["capacitor://localhost"]),
        ("tauri://localhost", ["tauri://localhost"], ["tauri://other"]),
        ("http://tauri.localhost", ["http://tauri.localhost"], ["https://tauri.localhost"]),
        ("chrome-extension://abcdefgh", ["chrome-extension://abcdefgh"], ["chrome-extension://other"]),
        ("https://App.Example.org:443", ["https://app.example.org"], ["https://app.example.org:443"]),
        ("http://[::1]:3000", ["http://[::1]:3000"], ["http://[::1]"]),
        ("*", ["https://anything.example", "null"], []),
    ],
)
def test_an_origin_of_the_setting_is_matched_exactly(setting: str, allowed: list[str], not_allowed: list[str]) -> None:
    origins = Settings(cors_origins=setting).checked().origins

    assert [item for item in allowed if not origins.allow(item)] == []
    assert [item for item in not_allowed if origins.allow(item)] == []


@pytest.mark.parametrize(
    "origin",
    [
        "example.org",
        "https://example.org/",
        "https://example.org/app",
        "https://*",
        "https://*example.org",
        "https://a.*.org",
        "null",
        "ftp://x",
        "file://x",
        "wss://example.org",
        "https://user@example.org",
        "https://example.org:x",
        "https://exämple.org",
        "none, https://example.org",
    ],
)
def test_an_invalid_origin_stops_the_start(origin: str) -> None:
    with pytest.raises(SettingsError, match="COMPETENT_CORS_ORIGINS"):
        Settings(cors_origins=origin).checked()


def test_an_empty_list_of_origins_allows_no_origin() -> None:
    assert not Origins(())
    assert not Origins(()).allow("")
