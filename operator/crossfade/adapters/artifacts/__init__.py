"""Stores of model files, one module for each family of URI schemes."""
