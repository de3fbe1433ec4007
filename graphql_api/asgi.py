"""The app for any ASGI server, with the settings of the environment: `uvicorn graphql_api.asgi:app`.

docs/operations.md says what only `competent-graphql serve` gives.
"""

import atexit
import logging
from contextlib import ExitStack
from typing import TYPE_CHECKING

from graphql_api.cli.starting import app_of, settings_of, stop
from graphql_api.errors import CompetentError
from graphql_api.serving import begin_logging

if TYPE_CHECKING:
    from starlette.applications import Starlette


def _create() -> "Starlette":
    """The app; a setting that is wrong ends the process with a sentence, as `serve` does."""
    until_exit = ExitStack()
    atexit.register(until_exit.close)
    try:
        settings = settings_of()
        begin_logging(settings)
        # Other servers have formats of their own, which may show these; hypercorn's does.
        logging.logThreads = logging.logProcesses = logging.logMultiprocessing = True
        app, _ = until_exit.enter_context(app_of(settings))
    except CompetentError as error:
        stop(str(error))
    return app


app = _create()
