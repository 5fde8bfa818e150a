"""The RPC services of what lets callers in."""

from __future__ import annotations

from ops_console.access.rpc import api_keys, sso
from ops_console.rpc.call import Services

SERVICES: Services = {**api_keys.SERVICES, **sso.SERVICES}
