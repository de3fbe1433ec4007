"""Takes the pictures of GraphiQL and the explorer in docs/ from the sandbox: `make screenshot`."""

import base64
import io
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
from tests.browser.visits import evaluate, open_browser, resize, serving

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

DOCS = Path(__file__).parents[2] / "docs"


class Picture(NamedTuple):
    """A page of the server, the width of the window, and how much of the page is shown."""

    path: str
    width: int
    height: int


PICTURES = {
    "graphiql.png": Picture("graphiql", 1400, 800),
    "explorer-home.png": Picture("en/", 1400, 800),
    "explorer-occupation.png": Picture("en/occupations/OP-101", 1400, 900),
    "explorer-search.png": Picture("en/search?q=wound", 1400, 800),
    "explorer-compare.png": Picture("en/compare?from=OP-102&to=OP-101", 1400, 800),
    "explorer-changes.png": Picture("en/changes?since=3.10", 1400, 800),
    "explorer-telephone.png": Picture("nl/occupations/OP-101", 390, 844),
}
"""By file name in docs/."""


def main() -> None:
    """Take all pictures."""
    with TemporaryDirectory() as folder, closing(bundled_releases()) as releases:
        settings = replace(Settings(), store="memory:", cache_dir=Path(folder), operation_timeout=60.0).checked()
        with serving(create_app(settings, create_sandbox(releases))) as base:
            for number in ("3.10", "3.11"):  # waits for their indexes
                query = f'{{ release(number: "{number}") {{ search(text: "wound") {{ totalCount }} }} }}'
                httpx.post(f"{base}/graphql", json={"query": query}, timeout=60).raise_for_status()
            for name, picture in PICTURES.items():
                with open_browser(Path(folder) / name, "--hide-scrollbars") as browser:
                    (DOCS / name).write_bytes(_small(_taken(browser, base, picture)))
                print(f"docs/{name}: {(DOCS / name).stat().st_size:,} bytes")


def _taken(browser: "Chrome", base: str, picture: Picture) -> bytes:
    resize(browser, picture.width, "light", picture.height)
    if picture.path == "graphiql":
        Page(browser, base)
    else:
        browser.get(f"{base}/{picture.path}")
        evaluate(browser, "document.fonts.ready.then(() => true)")
    return base64.b64decode(browser.execute_cdp_cmd("Page.captureScreenshot", {"format": "png"})["data"])


def _small(png: bytes) -> bytes:
    """The picture with a palette of 128 colours, in a quarter of the bytes."""
    small = io.BytesIO()
    Image.open(io.BytesIO(png)).convert("RGB").quantize(128, dither=Image.Dither.NONE).save(small, "PNG", optimize=True)
    return small.getvalue()


if __name__ == "__main__":
    main()
