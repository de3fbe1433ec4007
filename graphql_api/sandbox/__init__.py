"""A Competent API of our own, for whoever has no key, no network, or something to test.

It stands in for VDAB's over HTTP or in this process, and knows nothing of the server that asks it.
"""

from graphql_api.sandbox.app import create_sandbox
from graphql_api.sandbox.faults import Fault, Faults
from graphql_api.sandbox.progress import Progress
from graphql_api.sandbox.releases import Releases, bundled_releases, workbook_releases
from graphql_api.sandbox.report import BadRow, WorkbookError

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
