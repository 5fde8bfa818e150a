"""The operations console: what every app's ``admin.py`` is made of. Knows no domain."""
