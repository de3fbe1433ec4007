"""Default folders of the user; None for a user without a home directory, as in a container."""

from pathlib import Path

import platformdirs

_APP = "competent-graphql"


def user_cache_folder() -> Path | None:
    """The user's cache folder, or None without a home directory."""
    try:
        return _absolute(platformdirs.user_cache_path(_APP))
    except RuntimeError:
        return None


def user_config_folder() -> Path | None:
    """The user's configuration folder, or None without a home directory."""
    try:
        return _absolute(platformdirs.user_config_path(_APP))
    except RuntimeError:
        return None


def _absolute(folder: Path) -> Path | None:
    """The folder if it is absolute, otherwise None: older versions of platformdirs return `~/.cache` unexpanded."""
    return folder if folder.is_absolute() else None
