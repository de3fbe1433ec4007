"""This installation: its name, its version, and how an extra is added to it."""

from functools import cache
from importlib.metadata import PackageNotFoundError, version

NAME = "competent-graphql"


@cache
def own_version() -> str:
    """The version of this server."""
    try:
        return version(NAME)
    except PackageNotFoundError:  # run from its sources, without being installed
        return "0"


def how_to_install(extra: str) -> str:
    """The command that adds an extra. The project is in no package index: a name alone would install a stranger's package."""
    return f"run `pip install -e '.[{extra}]'` in a checkout of this project (docs/install.md)"
