"""Takes the pictures of GraphiQL and the explorer in docs/ from the sandbox: `make screenshot`."""

import base64
import io
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, NamedTuple

import httpx
from PIL import Image

from graphql_api.app import create_app
from graphql_api.sandbox import bundled_releases, create_sandbox
from graphql_api.settings import Settings
from tests.browser.test_graphiql_in_chromium import Page
from tests.browser.visits import open_browser, resize, serving, until

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

DOCS = Path(__file__).parents[2] / "docs"


def _type_a_word(browser: "Chrome") -> None:
    browser.find_element("css selector", "main input[type=search]").send_keys("nur")
    _wait_for(browser, "[role=option]")


def _find_occupations(browser: "Chrome") -> None:
    browser.find_element("css selector", "button[value=match]").click()
    _wait_for(browser, "#matches")


def _wait_for(browser: "Chrome", selector: str) -> None:
    until(lambda: browser.find_elements("css selector", selector))


class Picture(NamedTuple):
    """A page of the server, the size of the window, and what a visitor does there."""

    path: str
    width: int
    height: int
    act: Callable[["Chrome"], None] | None = None


PICTURES = {
    "graphiql.png": Picture("graphiql", 1400, 800),
    "explorer-home.png": Picture("en/", 1400, 800),
    "explorer-suggestions.png": Picture("en/", 1400, 500, _type_a_word),
    "explorer-occupation.png": Picture("en/occupations/OP-101", 1400, 900),
    "explorer-search.png": Picture("en/search?q=wound", 1400, 800),
    "explorer-compare.png": Picture("en/compare?from=OP-102&to=OP-101", 1400, 800),
    "explorer-my-skills.png": Picture("en/my-skills#have=SK-101,SK-102,SK-103", 1400, 800, _find_occupations),
    "explorer-changes.png": Picture("en/changes?since=3.10", 1400, 800),
    "explorer-telephone.png": Picture("nl/occupations/OP-101", 390, 844),
}
"""By file name in docs/."""


def main(names: list[str]) -> None:
    """Take the pictures with these names, or all of them."""
    with TemporaryDirectory() as folder, closing(bundled_releases()) as releases:
        settings = replace(Settings(), store="memory:", cache_dir=Path(folder), operation_timeout=60.0).checked()
        with serving(create_app(settings, create_sandbox(releases))) as base:
            for number in ("3.10", "3.11"):  # waits for their indexes
                query = f'{{ release(number: "{number}") {{ search(text: "wound") {{ totalCount }} }} }}'
                httpx.post(f"{base}/graphql", json={"query": query}, timeout=60).raise_for_status()
            for name in names or PICTURES:
                with open_browser(Path(folder) / name, "--hide-scrollbars") as browser:
                    (DOCS / name).write_bytes(_smaller_picture(_take_picture(browser, base, PICTURES[name])))
                print(f"docs/{name}: {(DOCS / name).stat().st_size:,} bytes")


def _take_picture(browser: "Chrome", base: str, picture: Picture) -> bytes:
    resize(browser, picture.width, "light", picture.height)
    if picture.path == "graphiql":
        Page(browser, base)
    else:
        browser.get(f"{base}/{picture.path}")
    if picture.act:
        picture.act(browser)
    return base64.b64decode(browser.execute_cdp_cmd("Page.captureScreenshot", {"format": "png"})["data"])


def _smaller_picture(png: bytes) -> bytes:
    """The picture with a palette of 128 colours, in a quarter of the bytes."""
    picture, small = Image.open(io.BytesIO(png)).convert("RGB"), io.BytesIO()
    # MAXCOVERAGE keeps colours that few pixels have, such as those of code.
    picture.quantize(128, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(small, "PNG", optimize=True)
    return small.getvalue()


if __name__ == "__main__":
    main(sys.argv[1:])
