"""World to model: the only readers."""
