"""What ``make run`` prints once everything is ready."""

from __future__ import annotations

import json
import os
from pathlib import Path

from ops_console.prepare import SIGN_IN
from ops_console.var_dir import is_set

RULE = "─" * 100


def welcome(var_dir: Path, data: Path | None) -> str:
    """One block: the address, the sign-in, a request to try, and how to stop."""
    url = os.environ["PUBLIC_URL"]
    lines = [f"Pigeon ops console is ready at {url}", ""]
    lines += [f"  Console    {url}/admin/", *_sign_in(var_dir), f"  REST API   {url}/api/docs/", *_rpc(url)]
    lines += [*_members(var_dir, url), *_try_it(var_dir, url)]
    if data is not None and data != var_dir:
        lines.append(f"  Database   {data}, because user nobody may not enter {var_dir}")
    lines += ["", "Press Ctrl-C to stop."]
    return "\n".join([RULE, *lines, RULE])


def _rpc(url: str) -> list[str]:
    lines = [f"  RPC        {url}/pidgr.v1.* by Connect and gRPC-Web; native gRPC on port {os.environ['GRPC_PORT']}"]
    if os.environ.get("TLS"):
        lines.append(f"  TLS        clients trust {os.environ['TLS_CERTIFICATE']}")
    return lines


def _sign_in(var_dir: Path) -> list[str]:
    file = var_dir / SIGN_IN
    if not file.exists():
        return ["  Sign in    as the staff you made (manage.py createsuperuser makes one)"]
    known = json.loads(file.read_text())
    return [f"  Sign in    {known['email']}   password {known['password']}"]


def _members(var_dir: Path, url: str) -> list[str]:
    where = "your mail server" if is_set("EMAIL_URL") else f"files in {var_dir / 'mail'}"
    return [f"  Members    {url}/signin by codes or passkeys; e-mails go to {where}"]


def _try_it(var_dir: Path, url: str) -> list[str]:
    file = var_dir / "demo.json"
    if not file.exists():
        return ["  Accounts   manage.py createorg NAME --admin-email E --account U --region US_SW makes one"]
    known = json.loads(file.read_text())
    note = {
        "destination": {"address": {"city": "Phoenix", "region": "AZ", "country": "US"}},
        "message": {"body": "Hello from Santa Fe"},
    }
    request = (
        f"curl -u {known['auth_id']}:{known['auth_key']} -H 'Content-Type: application/json' -d '{json.dumps(note)}'"
    )
    return [f"  Try        {request} {url}/pigeon/v1/{known['account']}/messages"]
