"""Frozen facts about the world, as a decision may see them. No I/O, no clock: `now` is a field."""
