"""Configures logging from the settings."""

import logging
import os
from typing import cast

from graphql_api.observability.log_lines import Style
from graphql_api.observability.logs import start_logging
from graphql_api.settings import Settings
from graphql_api.settings.environment import service_variables
from graphql_api.settings.files import is_open_to_others

log = logging.getLogger("graphql_api.server")


def begin_logging(settings: Settings) -> None:
    """Configure logging from the settings, with the key for the Competent API redacted."""
    style = cast(Style | None, settings.log_format or None)  # one of the choices of the setting
    start_logging(settings.log, style, [settings.key().reveal()] if settings.is_remote else ())
    if ignored := service_variables(os.environ):
        log.debug("ignored variables that Kubernetes sets for Services: %s", ", ".join(sorted(ignored)))
    file = settings.api_key_file if settings.is_remote else None
    if file is not None and (permission := is_open_to_others(file)):
        log.warning(
            "other users of this system can %s the file of the key for the Competent API: chmod 600 %s",
            permission,
            file,
        )
