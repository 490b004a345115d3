"""Facts -> steps and a verdict: what people run into, one situation a test."""

from __future__ import annotations

import pytest

from cuddy.engine import network_why_facts as facts_of
from cuddy.engine.network_why_facts import Facts, Party, Place, Publication, Question
from cuddy.engine.network_why_steps import Explanation, explain
from cuddy.errors import InvalidArgument
from cuddy.kernel.way import Way
from cuddy.network.reach import Attempt, Listener
from cuddy.network.reach_names import Naming
from cuddy.network.reach_trace import Drop

WEB_PLACE = Place("back", "172.18.0.2", host_address="172.18.0.1", bridge="cud-b")
DB_PLACE = Place("back", "172.18.0.3", host_address="172.18.0.1", bridge="cud-b")
WEB = Party("container", "web", "a" * 64, pid=1, mode="back", places=(WEB_PLACE,), netns=1)
DB = Party("container", "db", "b" * 64, pid=2, mode="back", places=(DB_PLACE,), netns=2)
HERE = Party("host", "this machine", mode="host", netns=9)
BEYOND = Party("outside", "198.51.100.2")
POSTGRES = Listener("0.0.0.0", 5432, 77, 12, "postgres")
GOOD = Facts(
    Question("web", "db", 5432),
    WEB,
    DB,
    "172.18.0.3",
    Naming("db", ("172.18.0.3",), "127.0.0.11"),
    way=Way("eth0", "172.18.0.2"),
    way_back=Way("eth0", "172.18.0.3"),
    listeners=(POSTGRES,),
    attempt=Attempt("answered", 0.001),
)
OUT = GOOD._replace(
    question=Question("web", "198.51.100.2", 80), target=BEYOND, address="198.51.100.2",
    naming=None, listeners=None, way=Way("eth0", "172.18.0.2", "172.18.0.1"), way_back=None,
    way_out=Way("ens3", "198.51.100.1"),
)  # fmt: skip
OPENING = Publication("tcp", "0.0.0.0", 8080, "172.18.0.3", 5432, "db")
PUBLISHED = GOOD._replace(
    question=Question("host", "127.0.0.1", 8080), source=HERE, naming=None, address="127.0.0.1",
    way=Way("lo", "127.0.0.1", is_local=True), way_back=None, published=OPENING,
    openings=(OPENING,),
)  # fmt: skip


def broken(found: Explanation) -> list[str]:
    return [step.what for step in found.steps if step.state == "no"]


def remedies(found: Explanation) -> str:
    return "\n".join(step.remedy for step in found.steps)


def texts(found: Explanation, what: str) -> str:
    return "\n".join(step.text for step in found.steps if step.what == what)


def test_all_is_well() -> None:
    found = explain(GOOD)
    assert found.is_reached
    assert [step.what for step in found.steps] == [
        "state", "name", "route", "rule", "listener", "attempt",
    ]  # fmt: skip
    assert broken(found) == []
    assert found.verdict == "yes: web reaches db:5432 (172.18.0.3)"
    assert "postgres (pid 12) listens at 0.0.0.0:5432" in texts(found, "listener")


def test_without_an_attempt_it_says_so() -> None:
    found = explain(GOOD._replace(attempt=None))
    assert found.is_reached
    assert "as far as can be seen from here" in found.verdict


@pytest.mark.parametrize(
    ("status", "remedy"),
    [
        ("exited", "'cuddy start db'"),
        ("created", "'cuddy start db'"),
        ("paused", "'cuddy unpause db'"),
        ("restarting", "'cuddy logs db'"),
    ],
)
def test_one_that_does_not_run_answers_nothing(status: str, remedy: str) -> None:
    # Of a paused one the kernel takes connections all the same.
    found = explain(GOOD._replace(target=DB._replace(status=status)))
    assert not found.is_reached
    assert broken(found) == ["state"]
    assert remedy in remedies(found)


def test_one_without_a_network() -> None:
    target = DB._replace(mode="none", places=())
    found = explain(GOOD._replace(target=target, naming=None, address=""))
    assert not found.is_reached
    assert "--network none" in found.verdict


def test_listening_on_its_own_loopback_only() -> None:
    listeners = (POSTGRES._replace(address="127.0.0.1"),)
    found = explain(GOOD._replace(listeners=listeners, attempt=Attempt("refused", 0.001)))
    assert broken(found) == ["listener", "attempt"]
    assert "listens at 127.0.0.1:5432 only, which nobody else reaches" in found.verdict
    assert "0.0.0.0" in remedies(found)


def test_nobody_listens_but_others_do() -> None:
    listeners = (Listener("::", 3000, 1, 5, "node"),)
    found = explain(GOOD._replace(listeners=listeners, attempt=Attempt("refused", 0.001)))
    assert "nobody in db listens at port 5432/tcp" in found.verdict
    assert "[::]:3000 node" in remedies(found)


def test_the_hosts_port_was_meant_for_the_containers() -> None:
    question = Question("web", "db", 8080)
    facts = GOOD._replace(question=question, openings=(OPENING,), attempt=Attempt("refused"))
    assert "'cuddy network why web db:5432'" in remedies(explain(facts))


def test_the_wrong_port_was_published() -> None:
    opening = OPENING._replace(port=80)
    found = explain(PUBLISHED._replace(published=opening, attempt=Attempt("refused")))
    assert "-p 8080:5432" in remedies(found)


def test_the_default_network_has_no_names_but_addresses_do() -> None:
    places = [place._replace(network="bridge", has_names=False) for place in (WEB_PLACE, DB_PLACE)]
    web, db = WEB._replace(places=places[:1]), DB._replace(places=places[1:])
    naming = Naming("db", where="192.0.2.53", problem="unknown")
    found = explain(GOOD._replace(source=web, target=db, naming=naming))
    assert not found.is_reached
    assert (
        found.verdict == "no: web reaches db only by its address, 172.18.0.3:5432: not by that name"
    )
    assert "'cuddy network create N'" in remedies(found)


def test_a_name_that_is_on_another_network() -> None:
    db = DB._replace(places=(DB_PLACE._replace(network="front"),))
    found = explain(GOOD._replace(target=db, naming=Naming("db", problem="unknown")))
    assert "'cuddy network connect back db'" in remedies(found)


def test_a_name_that_leads_elsewhere() -> None:
    found = explain(GOOD._replace(naming=Naming("db", ("192.0.2.1",), "/etc/hosts")))
    assert not found.is_reached
    assert "db is 192.0.2.1, says its /etc/hosts: that is not the container db" in texts(
        found, "name"
    )


@pytest.mark.parametrize("problem", ["unknown", "silent", "refused", "no server"])
def test_a_name_that_nobody_knows(problem: str) -> None:
    naming = Naming("db.example", where="192.0.2.53", problem=problem)
    target = Party("outside", "db.example")
    facts = Facts(Question("web", "db.example", 80), WEB, target, naming=naming)
    found = explain(facts)
    assert not found.is_reached
    assert "web does not find the name db.example" in found.verdict


def test_an_id_is_no_name_to_be_asked_for() -> None:
    found = explain(GOOD._replace(naming=None, is_id=True, question=Question("web", "bbbb", 5432)))
    assert found.is_reached
    assert "bbbb is an id" in texts(found, "name")


def test_networks_are_kept_apart() -> None:
    db = DB._replace(places=(DB_PLACE._replace(network="front"),))
    found = explain(GOOD._replace(target=db, is_id=True, naming=None, attempt=Attempt("silent", 2)))
    assert "rule" in broken(found)
    assert "share no network" in found.verdict
    assert "'cuddy network connect front web'" in remedies(found)


def test_an_internal_network_leads_nowhere() -> None:
    web = WEB._replace(places=(WEB_PLACE._replace(is_internal=True),))
    attempt = Attempt("failed", words="network is unreachable")
    facts = OUT._replace(source=web, way=Way(refusal="no route"), way_out=None, attempt=attempt)
    found = explain(facts)
    assert broken(found)[:2] == ["route", "rule"]
    assert "internal" in remedies(found)
    assert "'cuddy network connect bridge web'" in remedies(found)


def test_a_network_that_keeps_its_containers_apart() -> None:
    web = WEB._replace(places=(WEB_PLACE._replace(is_isolated=True),))
    found = explain(GOOD._replace(source=web, attempt=Attempt("silent", 2)))
    assert "enable_icc=false" in found.verdict


def test_the_machine_passes_nothing_on() -> None:
    found = explain(OUT._replace(is_forwarding=False, attempt=Attempt("silent", 2)))
    assert "ip_forward is 0" in found.verdict


def test_anothers_firewall_may_drop_and_is_told_of_only_when_it_matters() -> None:
    facts = OUT._replace(obstacles=("ip filter FORWARD",))
    assert "FORWARD" not in texts(explain(facts), "rule")
    found = explain(facts._replace(attempt=Attempt("silent", 2)))
    assert "ip filter FORWARD" in found.verdict
    assert "iptables -I FORWARD -i cud-b" in remedies(found)
    found = explain(facts._replace(attempt=None))
    assert found.is_reached
    assert [step.state for step in found.steps if "FORWARD" in step.text] == ["?"]


def test_the_very_rule_that_drops_it_is_named() -> None:
    drop = Drop("inet fw forward", "tcp dport 80 drop")
    found = explain(OUT._replace(drops=(drop,), attempt=Attempt("silent", 2)))
    assert "inet fw forward" in found.verdict
    assert "tcp dport 80 drop" in found.verdict


def test_this_machine_sends_by_another_link() -> None:
    facts = GOOD._replace(
        question=Question("host", "db", 5432), source=HERE, way=Way("tun0", "10.8.0.2"),
        host_link="cud-b", attempt=Attempt("silent", 2), naming=Naming("db", problem="unknown"),
    )  # fmt: skip
    found = explain(facts)
    assert "by tun0 instead of cud-b" in found.verdict


def test_this_machine_is_told_that_it_knows_no_names_and_reaches_it() -> None:
    facts = GOOD._replace(
        question=Question("host", "db", 5432), source=HERE, way=Way("cud-b", "172.18.0.1"),
        host_link="cud-b", naming=Naming("db", problem="unknown"),
    )  # fmt: skip
    found = explain(facts)
    assert found.is_reached
    assert [step.state for step in found.steps if step.what == "name"] == ["?"]


def test_a_macvlan_container_and_its_machine() -> None:
    db = DB._replace(places=(DB_PLACE._replace(driver="macvlan", bridge="eth7"),))
    facts = GOOD._replace(
        question=Question("host", "db", 5432), source=HERE, target=db, is_id=True, naming=None,
        attempt=Attempt("silent", 2),
    )  # fmt: skip
    assert "macvlan" in explain(facts).verdict


def test_a_published_port_of_this_machine() -> None:
    found = explain(PUBLISHED)
    assert found.is_reached
    assert "0.0.0.0:8080/tcp of this machine leads to db, port 5432/tcp" in texts(found, "rule")
    lost = OPENING._replace(is_in_kernel=False)
    found = explain(PUBLISHED._replace(published=lost, attempt=Attempt("refused")))
    assert "'cuddy restart db'" in remedies(found)


@pytest.mark.parametrize(
    ("opening", "reached", "words"),
    [
        (OPENING, True, "by 0.0.0.0:8080 of this machine"),
        (OPENING._replace(host_ip="127.0.0.1"), False, "for this machine itself"),
        (None, False, "port 5432 of db is not published"),
    ],
)
def test_from_outside_only_what_is_published(
    opening: Publication | None, reached: bool, words: str
) -> None:
    facts = GOOD._replace(
        question=Question("outside", "db", 5432), source=Party("outside", "somebody outside"),
        naming=None, published=opening, way=None, way_back=None, attempt=None, address="192.0.2.1",
    )  # fmt: skip
    found = explain(facts)
    assert found.is_reached == reached
    assert words in found.verdict


def test_one_namespace_for_both() -> None:
    web = WEB._replace(netns=2, places=DB.places)
    facts = GOOD._replace(source=web, address="127.0.0.1", naming=None,
                          question=Question("web", "127.0.0.1", 5432),
                          way=Way("lo", "127.0.0.1", is_local=True), way_back=None)  # fmt: skip
    found = explain(facts)
    assert found.is_reached
    assert "in the same network namespace" in texts(found, "route")


def test_udp_that_is_silent_is_no_failure() -> None:
    listeners = (Listener("0.0.0.0", 53, 1, 4, "dnsmasq"),)
    question = Question("web", "db", 53, "udp")
    found = explain(
        GOOD._replace(question=question, listeners=listeners, attempt=Attempt("silent", 2))
    )
    assert found.is_reached
    found = explain(GOOD._replace(question=question, listeners=(), attempt=Attempt("refused")))
    assert not found.is_reached


def test_an_egress_policy_that_rejects_it() -> None:
    web = WEB._replace(egress="none")
    found = explain(OUT._replace(source=web, attempt=Attempt("refused")))
    assert "--egress none" in found.verdict
    assert "--egress allow:198.51.100.2:80" in remedies(found)


@pytest.mark.parametrize(
    ("policy", "state"),
    [
        ("allow:198.51.100.0/24", "ok"),
        ("allow:198.51.100.2:80/tcp", "ok"),
        ("allow:198.51.100.2:79-81", "ok"),
        ("allow:198.51.100.2:443", "no"),
        ("allow:198.51.100.2:80/udp", "no"),
        ("allow:203.0.113.0/24", "no"),
        ("allow:example.com", "?"),
        ("allow:example.com:443", "no"),
    ],
)
def test_what_an_egress_policy_says_of_an_address(policy: str, state: str) -> None:
    found = explain(OUT._replace(source=WEB._replace(egress=policy), attempt=None))
    assert [step.state for step in found.steps if step.what == "rule"][0] == state


def test_an_attempt_that_an_egress_policy_refused_is_its_doing() -> None:
    drop = Drop("inet cuddy-egress reject-at-once", "reject with tcp reset", is_ours=True)
    web = WEB._replace(egress="allow:example.com")
    found = explain(OUT._replace(source=web, drops=(drop,), attempt=Attempt("refused", 0.001)))
    assert "web may reach only the addresses of names" in found.verdict
    assert "nobody listens at that port" not in remedies(found)


def test_a_name_that_an_egress_policy_allows_or_not() -> None:
    question = Question("web", "api.example.com", 443)
    naming = Naming("api.example.com", ("198.51.100.2",), "127.0.0.11")
    facts = OUT._replace(question=question, naming=naming)
    for policy, reached in (("allow:*.example.com", True), ("allow:example.com:443", False)):
        found = explain(facts._replace(source=WEB._replace(egress=policy), attempt=None))
        assert found.is_reached == reached
    unknown = facts._replace(naming=Naming("api.example.com", problem="refused"), address="")
    found = explain(unknown._replace(source=WEB._replace(egress="none")))
    assert "--egress allow:api.example.com:443" in remedies(found)


@pytest.mark.parametrize(
    ("text", "question"),
    [
        ("db", ("db", 0, "tcp")),
        ("db:80", ("db", 80, "tcp")),
        ("db:53/UDP", ("db", 53, "udp")),
        ("10.0.0.1:80", ("10.0.0.1", 80, "tcp")),
        ("fd00::2", ("fd00::2", 0, "tcp")),
        ("[fd00::2]:80", ("fd00::2", 80, "tcp")),
        ("[fd00::2]", ("fd00::2", 0, "tcp")),
    ],
)
def test_how_a_place_is_written(text: str, question: tuple[str, int, str]) -> None:
    found = facts_of.parse_target("web", text)
    assert (found.target, found.port, found.protocol) == question
    assert facts_of.parse_target("web", found.place) == found


@pytest.mark.parametrize(
    "text",
    ["", ":80", "db:", "db:x", "db:80-90", "db:70000", "db:80/sctp", "db/udp", "[::1", "[::1]x"],
)
def test_what_is_no_place(text: str) -> None:
    with pytest.raises(InvalidArgument):
        facts_of.parse_target("web", text)


def test_a_container_on_the_machines_own_network() -> None:
    hosty = Party("container", "hosty", "c" * 64, pid=3, mode="host", netns=9)
    naming = Naming("hosty", where="127.0.0.11", problem="unknown")
    facts = GOOD._replace(
        question=Question("web", "hosty", 5432), target=hosty, address="172.18.0.1", naming=naming
    )
    found = explain(facts)
    assert [step.state for step in found.steps if step.what == "rule"] == ["ok"]
    assert "ask for host.docker.internal" in remedies(found)
    back = GOOD._replace(source=hosty, naming=Naming("db", problem="unknown"))
    assert "ask for its address, 172.18.0.3" in remedies(explain(back))


def test_nobody_has_an_address() -> None:
    facts = Facts(Question("web", "host"), WEB, HERE)
    assert explain(facts).verdict.endswith("this machine has no address that web could use")


def test_nobody_of_the_network_has_the_address() -> None:
    facts = OUT._replace(address="172.18.0.99", way=Way("eth0", "172.18.0.2"))
    found = explain(facts._replace(attempt=Attempt("silent", 2)))
    assert not found.is_reached
    said = texts(found, "route")
    assert "172.18.0.99 would be on back itself, where no container has it" in said
    assert "passes it on" not in said
    assert "leaves this machine" not in texts(found, "rule")


def test_the_wire_is_not_this_machines_business() -> None:
    wire = WEB._replace(places=(WEB_PLACE._replace(driver="macvlan"),))
    found = explain(OUT._replace(source=wire, way=Way("eth0", "172.18.0.2")))
    assert found.is_reached
    assert "passes it on" not in texts(found, "route")
