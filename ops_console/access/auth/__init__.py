"""Signing in over HTTP: codes, passkeys, tokens, the page at /signin, and what others check tokens by."""
