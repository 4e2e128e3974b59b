"""The command line of each server of a bed."""
