"""Which files of a model are packaging: what surrounds the model itself."""

import re
from typing import Final

_NAMES: Final = frozenset(
    {
        ".gitattributes",
        ".gitignore",
        "CITATION.cff",
        "COPYING",
        "LICENSE",
        "LICENSE.txt",
        "MLmodel",
        "NOTICE",
        "NOTICE.txt",
        "conda.yaml",
        "input_example.json",
        "python_env.yaml",
        "registered_model_meta",
        "requirements.txt",
        "serving_input_example.json",
    }
)
_DOCUMENT: Final = re.compile(r"\.(md|rst)$", re.IGNORECASE)


def is_packaging(path: str) -> bool:
    """Whether the file is a license, a document, an example, or says what to install or how to load the model.

    By its name alone, in whatever folder. All else counts as the model: code, tokenizers and configurations change what
    is answered. An `MLmodel` is another one each time that it is written, as it names the time.
    """
    name = path.rpartition("/")[2]
    return name in _NAMES or _DOCUMENT.search(name) is not None
