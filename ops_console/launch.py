"""Run the whole console on this machine until it is told to stop: ``python -m ops_console.launch``, or ``make run``.

Whatever the environment lacks is made: servers, secrets, database, demo. All that is started here ends with it.
"""

from __future__ import annotations

import os
import shutil
import signal
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import psycopg
import redis
from django.core.exceptions import ImproperlyConfigured
from environs import EnvError
from rich.console import Console

from ops_console.certificates import own_certificate
from ops_console.leash import adopt_orphans, end_with_parent, leashed
from ops_console.listening import Addresses, default_public_url, wants_tls
from ops_console.processes import STARTED, end_descendants
from ops_console.var_dir import PROJECT, CannotStart, Running, VarDir, is_set, var_dir
from ops_console.welcome import welcome

if TYPE_CHECKING:
    from ops_console.embedded.session import EmbeddedServers

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
READY_S = 120.0
# Honcho kills what is left after 5 s.
STOP_S = 10.0
WATCH_S = 0.5
POLL_S = 0.5

console = Console(highlight=False, soft_wrap=True)


class Stopped(Exception):
    """Somebody asked this process to stop."""


def main() -> int:
    if "--stop-with-parent" in sys.argv:
        end_with_parent(signal.SIGTERM, os.getppid())
    adopt_orphans()
    for number in SIGNALS:
        signal.signal(number, stop_once)
    try:
        run()
    except Stopped:
        console.print("Stopped.")
        return 0
    except CannotStart as error:
        Console(stderr=True, highlight=False, markup=False, soft_wrap=True).print(str(error))
        return 1
    finally:
        end_descendants()
    return 1


def stop_once(number: int, frame: FrameType | None) -> None:
    """Stop by an exception; from then on further signals do not disturb the stopping."""
    for other in SIGNALS:
        signal.signal(other, signal.SIG_IGN)
    raise Stopped


def run() -> None:
    """Start everything, then wait for the end. Raises: CannotStart, Stopped."""
    addresses = Addresses.from_environment()
    home = var_dir()
    home.make()
    with ExitStack() as stack:
        claim(home)
        stack.callback(home.release)
        addresses.check_free()
        servers = stack.enter_context(own_servers(home))
        data = servers.data if servers else None
        set_variables(home, addresses)
        check_settings()
        check_servers()
        if servers:
            forget_heartbeat()
        publish(home, data)
        prepare(has_own_database=data is not None)
        keeper = stack.enter_context(processes())
        wait_until_ready(addresses, keeper)
        keeper.send_signal(STARTED)
        console.print(welcome(home.path, data), markup=False)
        while keeper.poll() is None:
            if servers:
                servers.revive(lambda name: console.print(f"{name} has ended. Starting it again ..."))
            time.sleep(WATCH_S)
        raise CannotStart("The processes' keeper has ended, so all were stopped: what was printed above tells why.")


def claim(home: VarDir) -> None:
    """Become the one console on this ``VAR_DIR``. Raises: CannotStart."""
    if home.claim():
        return
    running = home.running()
    if running is None or running.is_console:
        where = f" at {running.environment.get('PUBLIC_URL')} (process {running.pid})" if running else ""
        raise CannotStart(
            f"A console is already running on {home.path}{where}: "
            "stop it, or set VAR_DIR, PORT and GRPC_PORT for a second one."
        )
    raise CannotStart(
        f"A management command (process {running.pid}) is using {home.path}: try again when it has ended."
    )


@contextmanager
def own_servers(home: VarDir) -> Iterator[EmbeddedServers | None]:
    """Run the servers that no variable names, and set their variables. Raises: CannotStart."""
    if is_set("DATABASE_URL") and is_set("REDIS_URL"):
        yield None
        return
    from ops_console.embedded.session import embedded_servers

    with embedded_servers(home.path, lambda name: console.print(f"Starting {name} ...")) as servers:
        os.environ.update(servers.variables)
        try:
            yield servers
        finally:
            console.print("Stopping the servers ...")


def set_variables(home: VarDir, addresses: Addresses) -> None:
    """Set what the processes read beside the servers' variables."""
    metrics = home.path / "metrics"
    shutil.rmtree(metrics, ignore_errors=True)
    metrics.mkdir()
    programs = str(Path(sys.executable).parent)
    os.environ.update(
        VAR_DIR=str(home.path),
        HOST=addresses.web.host,
        PORT=str(addresses.web.port),
        GRPC_PORT=str(addresses.grpc.port),
        PROMETHEUS_MULTIPROC_DIR=str(metrics),
        PYTHONUNBUFFERED="1",
        PATH=os.pathsep.join([programs, os.environ.get("PATH", os.defpath)]),
    )
    if wants_tls() and not os.environ.get("TLS_CERTIFICATE"):
        certificate, key = own_certificate(home.path / "tls")
        os.environ.update(TLS_CERTIFICATE=str(certificate), TLS_KEY=str(key))
    os.environ.setdefault("PUBLIC_URL", default_public_url())
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ops_console.settings")
    if os.geteuid() == 0:
        # Whoever runs this as root knows it.
        os.environ.setdefault("PYTHONWARNINGS", "ignore::UserWarning:celery.platforms")


def check_settings() -> None:
    """Read all settings once. Raises: CannotStart."""
    from django.conf import settings

    try:
        os.environ["PUBLIC_URL"] = settings.PUBLIC_URL
    except (ImproperlyConfigured, EnvError, OSError, ValueError) as error:
        raise CannotStart(str(error)) from None


def check_servers() -> None:
    """Reach database and broker once. Raises: CannotStart."""
    from django.db import connection

    try:
        psycopg.connect(**{**connection.get_connection_params(), "connect_timeout": 5}).close()
    except psycopg.Error as error:
        raise CannotStart(f"Cannot reach the database: check DATABASE_URL. {last_line(error)}") from None
    try:
        with broker() as client:
            client.ping()
    except (redis.RedisError, ValueError) as error:
        raise CannotStart(f"Cannot reach Valkey or Redis: check REDIS_URL. {last_line(error)}") from None


def forget_heartbeat() -> None:
    """Forget the sign that an earlier run's worker left, which would make this one look ready before its own is."""
    from ops_console.observability.readiness import HEARTBEAT_KEY

    with broker() as client:
        client.delete(HEARTBEAT_KEY)


def has_heartbeat() -> bool:
    from ops_console.observability.readiness import HEARTBEAT_KEY

    try:
        with broker() as client:
            return bool(client.exists(HEARTBEAT_KEY))
    except redis.RedisError:
        return False


def broker() -> redis.Redis:
    from django.conf import settings

    return redis.Redis.from_url(settings.REDIS_URL, socket_connect_timeout=5, socket_timeout=5)


def last_line(error: Exception) -> str:
    return f"It says: {(str(error).strip().splitlines() or [type(error).__name__])[-1].strip()}"


def publish(home: VarDir, data: Path | None) -> None:
    """Tell other processes on this ``VAR_DIR`` how to join."""
    names = (
        "DATABASE_URL",
        "REDIS_URL",
        "SECRET_KEY",
        "METRICS_TOKEN",
        "DEMO",
        "PUBLIC_URL",
        "HOST",
        "PORT",
        "GRPC_PORT",
    )
    variables = {name: os.environ[name] for name in names if name in os.environ}
    home.publish(Running(pid=os.getpid(), is_console=True, environment=variables, data=str(data or "")))


def prepare(*, has_own_database: bool) -> None:
    """Migrate, load what an empty database needs, make a first sign-in. Raises: CannotStart."""
    arguments = ["--first-superuser"] if has_own_database else []
    done = subprocess.run(python("ops_console.prepare", *arguments), cwd=PROJECT, start_new_session=True, check=False)  # noqa: S603
    if done.returncode != 0:
        raise CannotStart("The database could not be prepared: what was printed above tells why.")


@contextmanager
def processes() -> Iterator[subprocess.Popen[bytes]]:
    """Run the processes of the Procfile, in a session of their own so that Ctrl-C reaches this process only."""
    keeper = subprocess.Popen(python("ops_console.processes"), cwd=PROJECT, start_new_session=True)  # noqa: S603
    try:
        yield keeper
    finally:
        keeper.terminate()
        try:
            keeper.wait(STOP_S)
        except subprocess.TimeoutExpired:
            keeper.kill()
            keeper.wait()


def python(module: str, *arguments: str) -> list[str]:
    return leashed([sys.executable, "-m", module, *arguments], on_parent_death=signal.SIGTERM)


def wait_until_ready(addresses: Addresses, keeper: subprocess.Popen[bytes]) -> None:
    """Return when everything is fine, the worker's heartbeat included. Raises: CannotStart."""
    deadline = time.monotonic() + READY_S
    url = f"{addresses.web.local_url}/readyz?all=1"
    while time.monotonic() < deadline and keeper.poll() is None:
        # The heartbeat comes last; each answer before that would be a failure in the log.
        if has_heartbeat() and addresses.grpc.is_open() and ask(url)[0] == 200:
            return
        time.sleep(POLL_S)
    if keeper.poll() is not None:
        raise CannotStart("A process ended while starting: what it printed above tells why.")
    raise CannotStart(f"Not ready after {READY_S:.0f} s: look at what was printed above; {url} says {ask(url)[1]}")


def ask(url: str) -> tuple[int, str]:
    """The status and body of the answer; status 0 when there is none."""
    try:
        with urllib.request.urlopen(url, timeout=5, context=trusting()) as answer:  # noqa: S310 - our own address
            return answer.status, answer.read(2000).decode(errors="replace")
    except urllib.error.HTTPError as error:
        return error.code, error.read(2000).decode(errors="replace")
    except OSError as error:
        return 0, str(error)


def trusting() -> ssl.SSLContext:
    """TLS to ourselves: whose certificate it is does not matter."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


if __name__ == "__main__":
    sys.exit(main())
