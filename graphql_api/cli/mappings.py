"""Implements `competent-graphql check`: reads files of mappings and compares them with a release."""

from collections.abc import Sequence
from pathlib import Path

from graphql_api.competent.mappings import read_file, uuids_and_codes
from graphql_api.errors import ReleaseNotFound
from graphql_api.index.concepts import row_ids_by_code, row_ids_by_uuid
from graphql_api.services import Services


async def run_check(services: Services, files: Sequence[Path], release: str) -> int:
    """Print what is wrong with each file; return 0 if nothing is, otherwise 1. Raises SettingsError and ReleaseNotFound."""
    read = [read_file(file) for file in files]
    try:
        number = await services.loaders().release_number(release)
        if not await services.loaders().release_exists(number):
            raise ReleaseNotFound
        await services.indexes.ready(number)
        index = await services.indexes.get(number)
        uuids, codes = uuids_and_codes({mapped.subject for file in read for mapped in file.mappings})
        by_uuid, by_code = await index.query(row_ids_by_uuid, uuids), await index.query(row_ids_by_code, codes)
        indexed = {*map(str, by_uuid), *by_code}
    finally:
        await services.aclose()
    reported = 0
    for file in read:
        unknown = [
            (mapped.line, f"{mapped.subject} is not in release {number}")
            for mapped in file.mappings
            if mapped.subject not in indexed
        ]
        for line, message in sorted([*file.problems, *unknown]):
            print(f"{file.file}:{line}: {message}")
        reported += len(file.problems) + len(unknown)
        print(f"{file.file}: mappings of concepts in release {number}: {len(file.mappings) - len(unknown):,}")
    return 1 if reported else 0
