"""Which release this is: the one place. Everything else that names it is held to it by tests/unit/test_version.py."""

VERSION = "0.1.0"
