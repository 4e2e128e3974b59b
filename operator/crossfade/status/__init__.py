"""The only writers of status and events."""
