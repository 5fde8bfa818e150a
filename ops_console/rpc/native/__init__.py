"""The adapter to ``grpcio``: native gRPC on a port of its own, with health and reflection."""
