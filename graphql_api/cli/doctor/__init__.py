"""Implements `competent-graphql doctor`: checks with few calls which assumptions about a Competent API hold."""

from graphql_api.cli.doctor.checks import CHECKS, Check
from graphql_api.cli.doctor.judges import Verdict
from graphql_api.cli.doctor.probe import MAX_CALLS
from graphql_api.cli.doctor.report import run_doctor

__all__ = ["CHECKS", "MAX_CALLS", "Check", "Verdict", "run_doctor"]
