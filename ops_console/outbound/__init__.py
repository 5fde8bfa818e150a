"""Calls to servers we do not trust, at addresses that others gave us."""
