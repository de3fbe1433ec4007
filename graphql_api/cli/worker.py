"""The app factory of each worker process."""

import logging
from typing import TYPE_CHECKING

from graphql_api.errors import SettingsError
from graphql_api.observability.log_setup import begin_logging
from graphql_api.server.uvicorn_server import install_graceful_drain, tune_gc
from graphql_api.settings import Settings

if TYPE_CHECKING:
    from starlette.applications import Starlette

log = logging.getLogger("graphql_api.server")


def worker() -> "Starlette":
    """Create the app of a worker process from the environment that the parent process wrote.

    If the settings are no longer usable when a worker restarts, it logs why and exits with 2.
    """
    try:
        return _worker()
    except SettingsError as error:
        log.error("this process cannot start: %s", error)
        raise SystemExit(2) from None


def _worker() -> "Starlette":
    from graphql_api.app import create_app
    from graphql_api.sandbox import create_sandbox
    from graphql_api.services import open_sandbox

    settings = Settings.from_environment().checked()
    begin_logging(settings)
    app = create_app(settings, None if settings.is_remote else create_sandbox(open_sandbox(settings)))
    install_graceful_drain(app.state.stopping, settings.drain)
    tune_gc()
    return app
