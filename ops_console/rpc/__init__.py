"""The RPC face: one pipeline that knows neither library, and two adapters, Connect and native gRPC."""
