from __future__ import annotations

from django.apps import AppConfig


class RpcConfig(AppConfig):
    name = "ops_console.rpc"
    label = "rpc"
