"""competent-graphql: one GraphQL schema in front of VDAB's Competent API.

Here: name and version of this installation, and how to install an extra.
"""

from functools import cache

NAME = "competent-graphql"


@cache
def own_version() -> str:
    """The version of this server."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(NAME)
    except PackageNotFoundError:  # runs from its sources without being installed
        return "0"


def how_to_install(extra: str) -> str:
    """How to install an extra. The project is not on a package index, so its name alone could install a stranger's package."""
    return f"run `pip install -e '.[{extra}]'` in a checkout of this project (docs/install.md)"
