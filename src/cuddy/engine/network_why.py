"""Why: does one reach another, and where on the way does it end?

Here the facts are gathered in the order of the way; `network_why_steps` judges them. All that is
changed for it is a table of the firewall that watches the attempt's packets, and goes with us.
"""

from __future__ import annotations

from cuddy.engine import containers, network_why_parties, network_why_steps, vantage
from cuddy.engine import network_why_sight as sight
from cuddy.engine.network_why_facts import HOST, OUTSIDE, Facts, Party, is_loopback
from cuddy.errors import NotPermitted, SystemFailure
from cuddy.kernel import namespaces
from cuddy.network import ipam, reach, reach_names, resolv
from cuddy.shapes import NamedTuple
from cuddy.undo import Closing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.container import Container
    from cuddy.engine.home import Home
    from cuddy.engine.network_why_facts import Question
    from cuddy.engine.network_why_steps import Explanation
    from cuddy.engine.vantage import Vantage
    from cuddy.network.reach_names import Naming

ASK_S = 1.5
SOMEWHERE = "192.0.2.1"
"""An address that stands for everybody outside: nobody has it (RFC 5737)."""


def why(home: Home, question: Question, *, probing: bool = True) -> Explanation:
    """Whether A reaches B. Raises NoSuchContainer for an A that there is not."""
    if namespaces.is_initial("user"):
        return look(home, question, probing=probing)
    # Imported here: root looks from the host.
    from cuddy.engine import user_netns

    ends = {question.source, question.target}
    found = None
    if not ends.intersection((HOST, OUTSIDE)):
        found = user_netns.within(home, lambda: look(home, question, probing=probing))
    if found is None:
        raise NotPermitted(
            "an ordinary user looks from one container to another, on networks of the user's",
            hint="'cuddy network create' makes one",
        )
    return found


def look(home: Home, question: Question, *, probing: bool) -> Explanation:
    """The same, from where the links are."""
    try:
        with Inquiry(home, question) as inquiry:
            facts = inquiry.locate()
            if facts.address and facts.source.is_up and facts.target.is_up:
                facts = sight.look(home, facts, inquiry.source, inquiry.target, probing=probing)
            return network_why_steps.explain(facts)
    except OSError as error:
        raise SystemFailure.from_os("cannot look at the network", error) from error


class End(NamedTuple):
    """One end, and the view from there; None if there is none to be had."""

    party: Party
    view: Vantage | None = None


class Inquiry(Closing):
    """Finds out who is meant; holds the namespaces of both ends until `close`."""

    def __init__(self, home: Home, question: Question) -> None:
        self.home = home
        self.question = question
        self.opened: list[Vantage] = []
        self.machine = self.keep(vantage.Vantage())
        here = Party(HOST, "this machine", mode=HOST, netns=self.machine.netns)
        self.here = End(here, self.machine)
        self.source: Vantage | None = None
        self.target: Vantage | None = None

    def locate(self) -> Facts:
        """Both ends, and at which address the source finds the target."""
        source = self.find_source()
        self.source = source.view
        facts, target = self.find_target(source)
        self.target = target.view
        return facts._replace(target=target.party)

    def find_source(self) -> End:
        """Who asks. Raises NoSuchContainer."""
        if self.question.source == HOST:
            return self.here
        if self.question.source == OUTSIDE:
            return End(Party(OUTSIDE, "somebody outside"))
        return self.end(containers.find(self.home, self.question.source))

    def end(self, record: Container) -> End:
        """A container as an end."""
        view = None
        if record["State"]["Running"] and (view := vantage.open_container(self.home, record)):
            self.keep(view)
        return End(network_why_parties.describe(self.home, record, view), view)

    def find_target(self, source: End) -> tuple[Facts, End]:
        """Who is asked, as far as the source can tell."""
        asked = self.question.target
        facts = Facts(self.question, source.party, self.here.party)
        if asked == HOST:
            return self.at_host(facts._replace(address=self.address_of_host(source)))
        if asked == OUTSIDE:
            return facts._replace(address=SOMEWHERE), End(Party(OUTSIDE, "the outside"))
        if ipam.is_address(asked):
            return self.at(facts._replace(address=asked), source)
        if record := network_why_parties.find(self.home, asked):
            return self.find_container(facts, source, record)
        naming = self.resolve(source)
        facts = facts._replace(naming=naming)
        if not naming.addresses:
            return facts, End(Party(OUTSIDE, asked))
        return self.at(facts._replace(address=naming.addresses[0]), source)

    def find_container(self, facts: Facts, source: End, record: Container) -> tuple[Facts, End]:
        """A container that the user named; does the source find it by that name?"""
        asked, target = self.question.target, self.end(record)
        is_id = record["Id"].startswith(asked) and record["Name"] != f"/{asked}"
        address = self.address_of(source, target)
        naming = None
        alive = source.party.is_up and target.party.is_up
        if not is_id and source.party.kind != OUTSIDE and alive:
            naming = self.resolve(source)
            theirs = [each for each in naming.addresses if target.party.place_at(each)]
            address = theirs[0] if theirs else address
        facts = facts._replace(address=address, naming=naming, is_id=is_id)
        return self.with_openings(facts, target.party), target

    def resolve(self, source: End) -> Naming:
        """Look the target's name up, from where the source is."""
        if source.view is None:
            return reach_names.Naming(self.question.target, problem="unknown")
        files = reach_names.Files(source.view.read("/etc/hosts"), source.view.read(resolv.PATH))
        return reach_names.resolve(source.view.netns_fd, files, self.question.target, ASK_S)

    def address_of(self, source: End, target: End) -> str:
        """A container's address as the source would use it: best one of a network they share."""
        ours, theirs = source.party, target.party
        if theirs.kind == "container" and ours.netns and ours.netns == theirs.netns:
            return theirs.places[0].address if theirs.places else "127.0.0.1"
        if theirs.mode == HOST or ours.kind == OUTSIDE:
            return self.address_of_host(source)
        networks = {place.network for place in ours.places}
        known = sorted(theirs.places, key=lambda place: place.network not in networks)
        return next((place.address or place.address6 for place in known), "")

    def address_of_host(self, source: End) -> str:
        """This machine, as the source sees it: the address of its bridge, if it is on one."""
        if source.party.mode == HOST:
            return "127.0.0.1"
        for place in source.party.places:
            if place.host_address:
                return place.host_address
        return reach.find_way(vantage.OWN, SOMEWHERE).source or network_why_parties.own_address()

    def at(self, facts: Facts, source: End) -> tuple[Facts, End]:
        """Whoever has the address, and where that leads."""
        address = facts.address
        if is_loopback(address) and source.party.mode != HOST:
            return facts, source
        holder = network_why_parties.holder_of(self.home, address)
        if holder and holder["Id"] == source.party.id:
            return facts, source
        if holder:
            target = self.end(holder)
            return self.with_openings(facts, target.party), target
        if not network_why_parties.is_own(address):
            return facts, End(Party(OUTSIDE, address))
        return self.at_host(facts)

    def at_host(self, facts: Facts) -> tuple[Facts, End]:
        """An address of this machine: itself, or the container to which the port leads."""
        records = containers.list_containers(self.home)
        opening = network_why_parties.opening_at(
            network_why_parties.openings(records),
            facts.address, self.question.port, self.question.protocol,
        )  # fmt: skip
        record = network_why_parties.find(self.home, opening.container) if opening else None
        if not record:
            return facts, self.here
        target = self.end(record)
        return self.with_openings(facts._replace(published=opening), target.party), target

    def with_openings(self, facts: Facts, target: Party) -> Facts:
        """With the ports of this machine that lead to a container."""
        found = network_why_parties.openings(containers.list_containers(self.home))
        ours = tuple(each for each in found if each.container == target.title)
        facts = facts._replace(openings=ours)
        if facts.source.kind == OUTSIDE:
            question = self.question
            fitting = network_why_parties.opening_for(ours, question.port, question.protocol)
            return facts._replace(published=fitting)
        return facts

    def keep(self, view: Vantage) -> Vantage:
        """Close it with the rest."""
        self.opened.append(view)
        return view

    def close(self) -> None:
        """Give all namespaces back."""
        for view in self.opened:
            view.close()
