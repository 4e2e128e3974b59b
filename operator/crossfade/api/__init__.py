"""What users write and read: the kinds, their names and the closed catalogue of conditions. Imports pydantic alone."""
