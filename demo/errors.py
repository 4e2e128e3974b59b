"""What the demo raises."""


class DemoError(Exception):
    """A sentence for a person: what did not go as promised."""
