"""Runs in the environment `manifests`: reads a JSON list of PromQL queries, prints what each selects or why it is none.

For each query a list of `[series, label names that are matched]`, or a sentence. Labels of `by` come without a series.
"""

import json
import sys
from typing import Any

import promql_parser


def selected(query: str) -> list[Any] | str:
    """Every selector of a query, and every grouping as a selector of no series."""
    found: list[Any] = []

    def visit(node: Any) -> bool:
        if isinstance(node, promql_parser.MatrixSelector):
            node = node.vector_selector
        if isinstance(node, promql_parser.VectorSelector):
            found.append([node.name, sorted(matcher.name for matcher in node.matchers.matchers)])
        modifier = getattr(node, "modifier", None)
        if modifier is not None and getattr(modifier, "labels", None):
            found.append([None, sorted(modifier.labels)])
        return True

    try:
        promql_parser.walk(promql_parser.parse(query), visit)
    except ValueError as fault:
        return str(fault)
    return found


json.dump([selected(query) for query in json.load(sys.stdin)], sys.stdout)
