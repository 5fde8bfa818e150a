"""The adapter to ``connectrpc``: Connect and gRPC-Web, as WSGI."""
