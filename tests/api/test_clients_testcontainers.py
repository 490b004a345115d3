"""testcontainers starts what a test suite needs, and takes it away again."""

from __future__ import annotations

import http.client

import pytest

from engine_api import Api

pytest.importorskip("testcontainers.core.container")
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(autouse=True)
def engine(api: Api, monkeypatch: pytest.MonkeyPatch) -> Api:
    from testcontainers.core.config import testcontainers_config

    monkeypatch.setenv("DOCKER_HOST", f"unix://{api.path}")
    monkeypatch.setattr(testcontainers_config, "ryuk_disabled", True)
    return api


def test_a_server_is_waited_for_and_reached_at_its_port(api: Api) -> None:
    from testcontainers.core.container import DockerContainer
    from testcontainers.core.wait_strategies import LogMessageWaitStrategy

    answer = "printf 'HTTP/1.0 200 OK\\r\\n\\r\\nworks\\n'"
    script = f"echo ready; while :; do {answer} | nc -l -p 80; done"
    busy = (
        DockerContainer("alpine")
        .with_command(["sh", "-c", script])
        .with_exposed_ports(80)
        .waiting_for(LogMessageWaitStrategy("ready"))
    )
    with busy as server:
        address = server.get_container_host_ip(), int(server.get_exposed_port(80))
        connection = http.client.HTTPConnection(*address, timeout=10)
        connection.request("GET", "/index.html")
        assert connection.getresponse().read() == b"works\n"
        connection.close()
        assert server.exec(["echo", "x"]).output == b"x\n"
    assert api.get("/containers/json?all=1") == []


def test_containers_of_one_network_find_each_other(api: Api) -> None:
    from testcontainers.core.container import DockerContainer
    from testcontainers.core.network import Network

    with Network() as network:
        there = DockerContainer("alpine").with_command("sleep 100")
        there.with_network(network).with_network_aliases("there")
        here = DockerContainer("alpine").with_command("sleep 100").with_network(network)
        with there, here:
            assert here.exec(["ping", "-c1", "-W2", "there"]).exit_code == 0
