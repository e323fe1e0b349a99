"""`orlop node`: simulated nodes of a server elsewhere, until SIGTERM or ^C. What they do lies in `orlop.node`."""

from __future__ import annotations

import asyncio
import logging
import signal
import ssl
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click

from orlop.cli.remote import Credentials, kubeconfig_path, read_kubeconfig

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orlop.node.settings import NodeSettings
    from orlop.server.simulated_network import SimulatedNetwork


@click.command()
@click.option("--name", default="node-1", show_default=True,
              help="The node's name; with --nodes what names begin with.")
@click.option("--nodes", type=click.IntRange(1, 64), default=1, show_default=True, help="How many nodes to be.")
@click.option("--mode", type=click.Choice(["fake", "process"]), default="fake", show_default=True,
              help="fake: nothing runs, pods behave as annotations say. process: each container's command runs on this "
                   "machine as you.")
@click.option("--kubeconfig", type=click.Path(path_type=Path, dir_okay=False),
              help="Credentials. [default: the file that KUBECONFIG names, else .orlop/admin.kubeconfig]")
@click.option("--context", default="", help="Context of the kubeconfig.")
@click.option("--server", default="", help="URL of the server, in place of the kubeconfig's.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, show_default=True,
              help="HTTPS port of the kubelet endpoint on 127.0.0.1; 0 takes a free one.")
@click.option("--pods", type=click.IntRange(1, 60_000), default=110, show_default=True, help="Pods a node can take.")
@click.option("--cpu", default="8", show_default=True, help="CPUs that the node claims to have.")
@click.option("--memory", default="16Gi", show_default=True, help="Memory that the node claims to have.")
@click.option("--label", multiple=True, help="A label of the node, KEY=VALUE.")
@click.option("--start-delay", type=click.FloatRange(0), default=0.0, show_default=True,
              help="Seconds that pods wait before their containers start; the annotation orlop.dev/start-delay counts "
                   "more.")
@click.option("--simulated-network", default="",
              help="Network of the addresses of nodes and pods, for a server that was given the same: 10.x.y.z is "
                   "127.x.y.z of this machine. Without it pods have addresses that services cannot lead to.")
@click.option("--data-dir", type=click.Path(path_type=Path, file_okay=False), default=Path(".orlop-node"),
              show_default=True, help="Directory of pods' files in process mode.")
@click.option("-v", "--verbose", is_flag=True, help="Log more on standard error.")
def node(name: str, nodes: int, mode: str, kubeconfig: Path | None, context: str, server: str, port: int, pods: int,
         cpu: str, memory: str, label: tuple[str, ...], start_delay: float, simulated_network: str, data_dir: Path,
         verbose: bool) -> None:
    """Be a node, or several: take the pods bound to them, until SIGTERM or ^C."""
    from orlop.node.api import APIUnavailable
    from orlop.node.registration import NodeUnregistered
    from orlop.node.settings import NodeSettings

    logging.basicConfig(level=logging.INFO if verbose else logging.WARNING, stream=sys.stderr,
                        format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    credentials = read_kubeconfig(kubeconfig_path(kubeconfig, Path(".orlop")), context)
    if server:
        credentials = credentials._replace(server=server)
    wrong = [one for one in label if "=" not in one]
    if wrong:
        raise click.ClickException(f"--label must be KEY=VALUE, not {wrong[0]!r}")
    labels = dict(one.split("=", 1) for one in label)
    names = [name] if nodes == 1 else [f"{name}-{number}" for number in range(1, nodes + 1)]
    several = [NodeSettings(one, mode, number, port=port if nodes == 1 else 0, pods=pods, cpu=cpu, memory=memory,
                            labels=labels, start_delay=start_delay, data_dir=data_dir.absolute() / one)
               for number, one in enumerate(names)]
    try:
        asyncio.run(_run(several, credentials, _network(simulated_network)))
    except (APIUnavailable, NodeUnregistered, OSError, ValueError) as error:
        raise click.ClickException(str(error)) from error


def _network(text: str) -> SimulatedNetwork | None:
    """Raises ClickException."""
    from orlop.server.simulated_network import SimulatedNetwork

    try:
        return SimulatedNetwork.parse(text) if text else None
    except ValueError as error:
        raise click.ClickException(f"--simulated-network {error}, not {text!r}") from error


def tls_context(credentials: Credentials) -> ssl.SSLContext:
    """The server is checked as the kubeconfig says. Raises ClickException."""
    try:
        context = ssl.create_default_context(cadata=credentials.authority or None)
        if credentials.insecure:
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        if credentials.certificate:
            with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:  # mode 0600, gone at once
                file.write(credentials.certificate.rstrip() + "\n" + credentials.key)
                file.flush()
                context.load_cert_chain(file.name)
    except ssl.SSLError as error:
        raise click.ClickException(f"certificates that cannot be used: {error}") from error
    return context


async def _run(several: Sequence[NodeSettings], credentials: Credentials, network: SimulatedNetwork | None) -> None:
    from orlop.node.https import HttpsApi
    from orlop.node.identity import issue
    from orlop.node.run import names_of, placed, running_nodes
    from orlop.node.settings import PROCESS, PROCESS_WARNING
    from orlop.world.clock import SystemClock

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    api = HttpsApi(credentials.server, tls_context(credentials), credentials.token)
    clock = SystemClock()
    names = ", ".join(one.name for one in several)
    try:
        async with placed(several, api, network) as those:
            identity = issue(credentials.authority.encode(), credentials.server, names_of(those), clock.now())
            async with running_nodes(those, api, identity, clock):
                if several[0].mode == PROCESS:
                    print(PROCESS_WARNING.format(names=names), flush=True)
                print(f"{names} ready at {credentials.server}", flush=True)
                await stop.wait()
    finally:
        await api.close()
