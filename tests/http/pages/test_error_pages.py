"""Errors in a browser: pages with the status and headers of the errors in JSON, which programs get."""

import pytest

from tests.conftest import Server

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8", "Accept-Language": "nl-BE"}


@pytest.mark.parametrize(
    ("path", "home"),
    [
        ("/nothing", "./"),
        ("/NL/occupations", "../"),
        ("/a/b/", "../../"),
        ("/a%2Fb", "./"),
        ("/export/3.11.pdf", "../"),
    ],
)
async def test_an_unknown_address_is_a_page_in_the_language_of_the_reader(server: Server, path: str, home: str) -> None:
    page = await server.client.get(path, headers=BROWSER)

    assert page.status_code == 404
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.headers["cache-control"] == "no-store"
    assert {"Accept", "Accept-Language"} <= set(page.headers["vary"].split(", "))
    assert "style-src 'self'" in page.headers["content-security-policy"]
    assert '<html lang="nl">' in page.text
    assert "<h1>Niet gevonden</h1>" in page.text
    assert f'<a href="{home}">Start</a>' in page.text
    assert f'<a class="brand" href="{home}">Competent</a>' in page.text


async def test_the_reason_of_an_unknown_address_is_in_the_language_of_the_page(server: Server) -> None:
    for language, reason in (
        ("nl", "Op dit adres staat niets."),
        ("fr", "Il n’y a rien à cette adresse."),
        ("de", "Unter dieser Adresse gibt es nichts."),
        ("en", "There is nothing at this address."),
    ):
        page = await server.client.get("/nothing", headers=BROWSER | {"Accept-Language": language})
        assert f'<p role="status">{reason}</p>' in page.text
        assert "The page at /" not in page.text


@pytest.mark.parametrize("accept", ["*/*", "application/json", "application/json, text/html;q=0.9", ""])
async def test_programs_get_json(server: Server, accept: str) -> None:
    response = await server.client.get("/nothing", headers={"Accept": accept})

    assert response.status_code == 404
    assert response.json()["errors"][0]["message"].startswith("Not found.")


async def test_the_api_and_health_checks_stay_json(server: Server) -> None:
    for path in ("/graphql?query={", "/health/ready", "/health/live"):
        response = await server.client.get(path, headers=BROWSER)
        assert response.headers["content-type"].startswith("application/json"), path


async def test_an_error_page_has_the_reason_and_does_not_echo_the_url(server: Server) -> None:
    page = await server.client.post("/nl/my-skills", headers=BROWSER | {"Content-Type": "text/<b>"}, content=b"x")

    assert page.status_code == 415
    assert "<b>" not in page.text
    assert '<span lang="en">' in page.text
