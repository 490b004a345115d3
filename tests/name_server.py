"""A name server that behaves as its name says, well or badly, for tests of who asks it.

    a.example          192.0.2.1, after an alias
    many.example       as many addresses as fit nowhere but in TCP
    garbage.example    bytes that mean nothing, under the right id, before the answer
    guess.example      answers of strangers before the right one: other ids, questions, ports
    late.example       the answer after a second
    never.example      nothing
    endless.example    by TCP: bytes without end
    cut.example        by TCP: half of an answer
    broken.example     SERVFAIL
    count.example      how often anything was asked so far, as the last number of an address

Addresses in SILENT say nothing, those in REFUSING refuse. Run in a process of its own.
"""

from __future__ import annotations

import os
import random
import select
import signal
import socket
import subprocess
import time
from collections.abc import Iterable

from dnslib import QTYPE, RR, A, DNSRecord

GOOD, SECOND = "198.51.100.2", "198.51.100.3"
SILENT, REFUSING = "198.51.100.4", "198.51.100.5"
ADDRESSES = (GOOD, SECOND, SILENT, REFUSING)
ALIASED = ("{0} 300 CNAME alias.example", "alias.example 60 A 192.0.2.1")
PLAIN = ("garbage.", "guess.", "late.", "cut.", "endless.", "name")


class NameServer:
    """The running process; it is in the network namespace in which it was made."""

    def __init__(self, addresses: Iterable[str] = ADDRESSES, *, on_loopback: bool = True) -> None:
        self.sockets: list[tuple[socket.socket, socket.socket]] = []
        for address in addresses:
            if on_loopback:
                subprocess.run(["ip", "address", "add", f"{address}/32", "dev", "lo"], check=True)
            udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            udp.bind((address, 53))
            self.sockets.append((udp, socket.create_server((address, 53), backlog=128)))
        self.asked = 0
        self.pid = os.fork()
        if self.pid == 0:
            try:
                signal.alarm(0)
                self.serve()
            finally:
                os._exit(1)
        for pair in self.sockets:
            for each in pair:
                each.close()

    def close(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)

    def serve(self) -> None:
        poll = select.poll()
        actions = {}
        for udp, tcp in self.sockets:
            actions[udp.fileno()] = (self.answer_datagram, udp)
            actions[tcp.fileno()] = (self.answer_stream, tcp)
        for fd in actions:
            poll.register(fd, select.POLLIN)
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        while True:
            for fd, _ in poll.poll():
                action, ready = actions[fd]
                action(ready)

    def answer_datagram(self, udp: socket.socket) -> None:
        data, client = udp.recvfrom(4096)
        self.asked += 1
        address = udp.getsockname()[0]
        if address == SILENT:
            return
        if data[13:18] == b"never" and data[18:19].isdigit():
            # A flood's: nobody, said without looking, or who asks us otherwise would wait for it.
            udp.sendto(data[:2] + b"\x81\x83" + data[4:], client)
            return
        query = DNSRecord.parse(data)
        name = str(query.q.qname)
        answer = self.answer(query, refused=address == REFUSING)
        if name.startswith("garbage."):
            udp.sendto(data[:2] + random.randbytes(50), client)
            udp.sendto(b"", client)
            udp.sendto(data[:2], client)
        if name.startswith("guess."):
            self.guess(udp, query, client)
        if name.startswith(("never.", "late.")):
            if name.startswith("late.") and os.fork() == 0:
                time.sleep(1)
                udp.sendto(answer.pack(), client)
                os._exit(0)
            return
        packed = answer.pack()
        if len(packed) > 512:
            cut = query.reply()
            cut.header.tc = 1
            packed = cut.pack()
        udp.sendto(packed, client)

    def guess(self, udp: socket.socket, query: DNSRecord, client: tuple[str, int]) -> None:
        """What somebody sends who wants his own answer to be believed."""
        forged = query.reply()
        forged.add_answer(*RR.fromZone(f"{query.q.qname} 60 A 6.6.6.6"))
        forged.header.id ^= 1
        udp.sendto(forged.pack(), client)
        forged.header.id ^= 1
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as elsewhere:
            elsewhere.bind((udp.getsockname()[0], 0))
            elsewhere.sendto(forged.pack(), client)
        other = DNSRecord.question("other.example").reply()
        other.header.id = query.header.id
        other.add_answer(*RR.fromZone("other.example 60 A 6.6.6.6"))
        udp.sendto(other.pack(), client)

    def answer_stream(self, tcp: socket.socket) -> None:
        connection, _ = tcp.accept()
        if os.fork():
            connection.close()
            return
        with connection, connection.makefile("rwb") as stream:
            query = DNSRecord.parse(stream.read(int.from_bytes(stream.read(2))))
            packed = self.answer(query).pack()
            name = str(query.q.qname)
            if name.startswith("never."):
                time.sleep(60)
            while name.startswith("endless."):
                stream.write(b"\xff" * 65536)
            size = len(packed) // 2 if name.startswith("cut.") else len(packed)
            stream.write(len(packed).to_bytes(2) + packed[:size])
            stream.flush()
        os._exit(0)

    def answer(self, query: DNSRecord, *, refused: bool = False) -> DNSRecord:
        made = query.reply(aa=0)
        name = str(query.q.qname).rstrip(".")
        lines: tuple[str, ...] = ()
        if refused:
            made.header.rcode = 5
        elif name == "a.example":
            lines = ALIASED
        elif name == "many.example":
            # made of numbers, as zone lines take long to read on an emulated machine
            addresses = [A((10, 0, n // 250, n % 250)) for n in range(600)]
            made.add_answer(*[RR(query.q.qname, QTYPE.A, rdata=each, ttl=60) for each in addresses])
        elif name == "broken.example":
            made.header.rcode = 2
        elif name == "count.example":
            lines = (f"{{0}} 0 A 10.0.0.{self.asked}",)
        elif name.startswith(PLAIN):
            lines = ("{0} 60 A 192.0.2.2",)
        else:
            made.header.rcode = 3
        if query.q.qtype in (1, 255):
            for line in lines:
                made.add_answer(*RR.fromZone(line.format(query.q.qname)))
        return made
