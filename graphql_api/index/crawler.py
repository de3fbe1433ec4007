"""The walk over all documents of a release that fills its index.

Each document is asked once, through the same store as everything else. What was written stays written: a walk that ended, however
it ended, goes on where it was. A document that fails is written down and the rest goes on without it.
"""

import asyncio
import logging
import sqlite3
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from graphql_api.competent import fields, routes
from graphql_api.competent.fields import uuid_text
from graphql_api.competent.hal import Document
from graphql_api.competent.pagination import Listing
from graphql_api.competent.routes import Route
from graphql_api.errors import UpstreamError, UpstreamInvalidResponse, UpstreamNotFound
from graphql_api.index.indexer import Writer
from graphql_api.index.tables import Kind

log = logging.getLogger(__name__)

Load = Callable[[str], Awaitable[Document]]

COMMIT_EVERY = 50
"""Documents between two commits: what a walk that is killed has to ask again."""


@dataclass(slots=True)
class Progress:
    """How far a walk is, in documents; `total` is 0 until the lists are read. `before` of those done are of earlier walks."""

    before: int = 0
    done: int = 0
    total: int = 0

    @property
    def share(self) -> float:
        """From 0 to 1."""
        return self.done / self.total if self.total else 0.0


class Walk:
    """One walk over one release."""

    def __init__(
        self, connection: sqlite3.Connection, load: Load, release: str, page_size: int, at_once: int, progress: Progress
    ) -> None:
        self._connection = connection
        self._writer = Writer(connection)
        self._load = load
        self._release = release
        self._page_size = page_size
        self._at_once = at_once
        self.progress = progress

    async def run(self) -> None:
        """Walk to the end; raises an UpstreamError where the lists themselves cannot be read."""
        try:
            competences = await self._listed(routes.TECHNICAL_COMPETENCES)
        except UpstreamNotFound as error:
            raise UpstreamInvalidResponse(detail="the release has no list of technical competences") from error
        profiles = await self._profiles(competences)
        with suppress(UpstreamNotFound):  # those that profiles name are met there
            for each in await self._listed(routes.SOFT_SKILLS):
                await self._soft_skill(each)
        write = {
            routes.OCCUPATIONAL_PROFILE: self._writer.profile,
            routes.TECHNICAL_COMPETENCE: self._writer.competence,
        }
        paths = {
            route.path(self._release, uuid): write[route]
            # Competences first: then there is nothing left to learn from those that profiles embed.
            for route, listed in ((routes.TECHNICAL_COMPETENCE, competences), (routes.OCCUPATIONAL_PROFILE, profiles))
            for each in listed
            if (uuid := uuid_text(each.get("id")))
        }
        done = {path for (path,) in self._connection.execute("SELECT path FROM done")}
        self.progress.before = self.progress.done = len(done)
        self.progress.total = len(paths)
        try:
            await self._walk((path, write) for path, write in paths.items() if path not in done)
        finally:
            self._writer.commit()  # also what was written when the walk is told to end

    async def _profiles(self, competences: list[Document]) -> list[Document]:
        """The items of all profiles: of their list, which is only assumed, else of the lists of those that use a competence."""
        try:
            return await self._listed(routes.OCCUPATIONAL_PROFILES)
        except UpstreamNotFound:
            log.warning("release %s has no list of profiles; looking up the profiles of each competence", self._release)
        found: dict[str, Document] = {}
        lists = 0
        todo = (uuid for each in competences if (uuid := uuid_text(each.get("id"))))

        async def look() -> None:
            nonlocal lists
            for uuid in todo:
                path = routes.USED_IN_PROFILES.path(self._release, uuid)
                with suppress(UpstreamNotFound):
                    for item in await Listing(self._load, path, False, self._page_size).all():
                        found.setdefault(fields.id_text(item), item)
                    lists += 1

        await self._work_at_once(look)
        if competences and not lists:
            raise UpstreamInvalidResponse(detail="the release has no list of profiles, and none by competence either")
        return list(found.values())

    async def _soft_skill(self, item: Document) -> None:
        self._writer.skill(Kind.SoftSkill, item)
        uuid = uuid_text(item.get("id"))
        if uuid and not (fields.code(item) and fields.first(item, fields.SKILL_TEXT)):
            with suppress(UpstreamError):  # that route is only assumed; what profiles embed may complete it as well
                self._writer.skill(Kind.SoftSkill, await self._load(routes.SOFT_SKILL.path(self._release, uuid)))

    async def _listed(self, route: Route) -> list[Document]:
        return await Listing(self._load, route.path(self._release), True, self._page_size).all()

    async def _walk(self, left: Iterable[tuple[str, Callable[[Document], Any]]]) -> None:
        todo = iter(left)
        await self._work_at_once(lambda: self._work(todo))

    async def _work_at_once(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """As many workers as may be at once; the first that fails ends the others."""
        workers = [asyncio.create_task(work()) for _ in range(self._at_once)]
        try:
            await asyncio.gather(*workers)
        finally:
            for worker in workers:
                worker.cancel()

    async def _work(self, todo: Iterator[tuple[str, Callable[[Document], Any]]]) -> None:
        for path, write in todo:
            try:
                document = await self._load(path)
            except UpstreamError as error:
                self._failed(path, error)
            else:
                write(document)
                self._writer.done(path)
                self.progress.done += 1
                if self.progress.done % COMMIT_EVERY == 0:
                    self._writer.commit()
            await asyncio.sleep(0)  # over the sandbox nothing else here waits, and others want their turn

    def _failed(self, path: str, error: UpstreamError) -> None:
        log.warning("indexing release %s without %s: %s", self._release, path, error.code)
        self._writer.missing(path, error.code)
