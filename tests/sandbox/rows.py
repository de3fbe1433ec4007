"""Rows of an Excel export for tests."""

from typing import Any

MAIN = "Occupational Profiles 3.26"
BAKER = "11111111-1111-4111-8111-111111111111"
COOK = "22222222-2222-4222-8222-222222222222"
OVEN = "33333333-3333-4333-8333-333333333333"
STEW = "44444444-4444-4444-8444-444444444444"
MODIFIED, PUBLISHED = "2022-07-05T14:42:21.456Z", "2026-03-26T00:00:00Z"


def uuid(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012}"


def profile(uuid: str = BAKER, code: str = "OP-1", title: str = "Bakker") -> list[Any]:
    titles = (title, "Boulanger", "Baker", "Bäcker")
    others = (f"{part} {language}" for part in "dw" for language in ("nl", "fr", "en", "de"))
    return [uuid, code, *titles, *others, MODIFIED, PUBLISHED]


def of(owner: str, *cells: Any) -> list[Any]:
    """A row of a sheet other than the main one: the four columns of the profile, then `cells`."""
    return [owner, "OP-1", "Bakker", "Boulanger", *cells]


SKILL = (OVEN, "CP-1", "skill", uuid(7), "SK-1", "Brood bakken", None)
