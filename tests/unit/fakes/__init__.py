"""Fakes of ports and builders of objects for the unit tests."""
