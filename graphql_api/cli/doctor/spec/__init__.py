"""Implements `competent-graphql doctor --spec FILE`: compares an OpenAPI document with what this server requests and reads."""

from graphql_api.cli.doctor.spec.report import run_spec

__all__ = ["run_spec"]
