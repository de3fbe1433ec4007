"""What resolvers see of the request that they answer."""

from dataclasses import dataclass, field

from graphql_api.fetching import Asker
from graphql_api.loaders import Loaders
from graphql_api.record import Record
from graphql_api.types.text import Language


@dataclass(frozen=True, slots=True)
class Context:
    """One a GraphQL operation; all that it fetches is fetched for one asker."""

    loaders: Loaders
    languages: tuple[Language, ...]
    record: Record = field(default_factory=Record)

    @property
    def request_id(self) -> str:
        """What finds this request in the log."""
        return self.record.request_id

    @property
    def asker(self) -> Asker:
        """For whom documents are fetched."""
        return self.record.asker
