"""What is written below each field of a model: Python forgets it, so it is read from the source.

Pydantic can do that whenever a class is made, for a third of the processor time of the operator's start: only what is
generated has these words, so only who generates reads them.
"""

import ast
import inspect
import textwrap
from collections.abc import Iterator
from functools import cache
from itertools import pairwise

from crossfade.api.v1alpha1.common import ApiModel


@cache
def documented(model: type[ApiModel]) -> dict[str, str]:
    """Each documented field of a model with its words, those of its bases included."""
    bases = [base for base in reversed(model.__mro__) if issubclass(base, ApiModel)]
    return {name: words for base in bases for name, words in _own(base)}


def _own(model: type[ApiModel]) -> Iterator[tuple[str, str]]:
    tree = ast.parse(textwrap.dedent(inspect.getsource(model)))
    written = next(node for node in tree.body if isinstance(node, ast.ClassDef))
    for field, below in pairwise(written.body):
        match field, below:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(words))):
                yield name, inspect.cleandoc(words)
