"""The sandbox: a stand-in for VDAB's Competent API, for development and tests without a key or network.

It runs over HTTP or in this process and does not depend on the server. Names are imported on first use, so that the process
that converts a workbook starts without a web framework.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from graphql_api.sandbox.app import create_sandbox
    from graphql_api.sandbox.faults import Fault, Faults
    from graphql_api.sandbox.releases import Releases, bundled_releases, workbook_releases
    from graphql_api.sandbox.report import BadRow, Progress, WorkbookError

__all__ = [
    "BadRow",
    "Fault",
    "Faults",
    "Progress",
    "Releases",
    "WorkbookError",
    "bundled_releases",
    "create_sandbox",
    "workbook_releases",
]

_MODULES = {
    "BadRow": "report",
    "WorkbookError": "report",
    "Progress": "report",
    "Fault": "faults",
    "Faults": "faults",
    "create_sandbox": "app",
    "Releases": "releases",
    "bundled_releases": "releases",
    "workbook_releases": "releases",
}


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
