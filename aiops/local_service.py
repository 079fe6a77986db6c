"""The whole product on this machine: embedded servers, topics, migrations, workers, API."""

import asyncio
import signal
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Final, NamedTuple, Self
from urllib.request import urlopen

from aiops.local.options import options_from
from aiops.local.ports import free_port, is_free
from aiops.local.processes import ServerProcess
from aiops.local.stack import Stack, start_stack
from aiops.topics import create_topics
from schemas.db.migrate import migrate
from schemas.settings import PREFIX, Settings, load_settings

API_START_TIMEOUT_S: Final = 30.0


class LocalService:
    """A running product; stop it with `stop` or by leaving the context."""

    def __init__(self, resources: ExitStack, settings: Settings) -> None:
        self.resources = resources
        self.settings = settings

    @property
    def api_url(self) -> str:
        """Where the API and the dashboard answer."""
        return f"http://{self.settings.api_host}:{self.settings.api_port}"

    def answers(self) -> bool:
        """Tell whether the API answers."""
        try:
            with urlopen(f"{self.api_url}/healthz", timeout=2) as response:  # noqa: S310 - http
                return bool(response.status == 200)
        except OSError:
            return False

    def stop(self) -> None:
        """End API, workers and servers, in this order."""
        self.resources.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.stop()


class Children(NamedTuple):
    """Starts `aiops` processes that end with this one, each with a folder for its log."""

    undo: ExitStack
    data_dir: Path
    environ: Mapping[str, str]

    def start(self, *arguments: str) -> ServerProcess:
        """Start `aiops ARGUMENTS`."""
        process = ServerProcess(
            f"aiops {' '.join(arguments)}",
            self.data_dir / arguments[0],
            stop_signal=signal.SIGTERM,
            environ=self.environ,
        )
        self.undo.callback(process.stop)
        process.start((sys.executable, "-m", "aiops", *arguments))
        return process


def start_local_service(data_dir: Path, environ: Mapping[str, str]) -> LocalService:
    """Start what is missing and return when the API answers; data lies in `data_dir`.

    A second start finds its data again. Everything ends with this process, however it ends.

    Raises:
        ConfigError: the directory is in use, a port is taken, a setting is wrong.
        ServerStartError: something did not come up; the message has its last lines.
    """
    options = options_from(environ)
    load_settings(environ)
    with ExitStack() as undo:
        stack = undo.enter_context(start_stack(data_dir, options))
        child_environ = _child_environ(environ, stack)
        settings = load_settings(child_environ)
        asyncio.run(migrate(settings.postgres_dsn))
        create_topics(
            settings.kafka_bootstrap,
            log_topics=settings.log_topic_names,
            replication=1,
            partitions={},
        )
        children = Children(undo, data_dir, child_environ)
        children.start("worker", "all")
        api = children.start("api")
        service = LocalService(undo, settings)
        api.wait_until_ready(service.answers, timeout_s=API_START_TIMEOUT_S)
        service.resources = undo.pop_all()
        return service


def _child_environ(environ: Mapping[str, str], stack: Stack) -> dict[str, str]:
    chosen = {
        f"{PREFIX}KAFKA_BOOTSTRAP": stack.kafka_bootstrap,
        f"{PREFIX}POSTGRES_DSN": stack.postgres_dsn,
    }
    port = f"{PREFIX}API_PORT"
    if port not in environ and not is_free(Settings().api_port):
        chosen[port] = str(free_port())
    return {**environ, **chosen}
