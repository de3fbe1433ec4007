"""The Model Context Protocol: the example operations as tools."""
