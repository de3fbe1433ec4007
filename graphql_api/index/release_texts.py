"""What searches of a release share in memory."""

import sqlite3

from graphql_api.index.function_words import FunctionWords
from graphql_api.index.names import Names
from graphql_api.index.postings import Postings
from graphql_api.index.query_expansion import Expansions
from graphql_api.index.text_table import TextTable
from graphql_api.index.vocabulary import Vocabulary


class ReleaseTexts:
    """The vocabulary, texts, postings and names of a release. Immutable but for two memos, so that threads can share it."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.vocabulary = Vocabulary(connection)
        self.table = TextTable(connection)
        self.postings = Postings(connection, len(self.table.profiles))
        self.names = Names(connection)
        self.expansions = Expansions()
        self.function_words: FunctionWords = {}
