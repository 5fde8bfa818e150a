"""The operations API of what lets callers in."""
