"""Implements `competent-graphql doctor --spec`: compares an OpenAPI document with what this server requests and reads."""

from graphql_api.cli.doctor.spec.report import run_spec

__all__ = ["run_spec"]
