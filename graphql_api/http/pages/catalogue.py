"""The messages of the pages in Dutch, French and German: `catalogues/*.po`, edited after `make messages`. English needs none."""

from functools import cache
from gettext import GNUTranslations, NullTranslations
from io import BytesIO
from pathlib import Path

FOLDER = Path(__file__).parent / "catalogues"


@cache
def translations(language: str) -> NullTranslations:
    """The messages in a language; English if it has no catalogue."""
    from babel.messages.mofile import write_mo
    from babel.messages.pofile import read_po

    file = FOLDER / f"{language}.po"
    if not file.exists():
        return NullTranslations()
    compiled = BytesIO()
    with file.open(encoding="utf-8") as lines:
        write_mo(compiled, read_po(lines, language))
    compiled.seek(0)
    return GNUTranslations(compiled)
