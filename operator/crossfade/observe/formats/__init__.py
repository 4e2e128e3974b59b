"""What a model's files are, told by their bytes while they stream. Nothing is loaded, imported or run."""
