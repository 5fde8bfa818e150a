"""Measurements of the product beside plain SQL and plain Django: ``make bench``."""
