"""A name server for tests, made of dnslib; run as a program: ADDRESS, then lines of a zone file.

It says "serving" when it can be asked. TCP and UDP, RFC 1035.
"""

from __future__ import annotations

import sys
import time

from dnslib import RCODE, RR
from dnslib.server import BaseResolver, DNSServer


class Zone(BaseResolver):  # type: ignore[misc]
    """Answers from its records, aliases with what they lead to."""

    def __init__(self, text: str) -> None:
        self.records = RR.fromZone(text)

    def resolve(self, request, handler):  # type: ignore[no-untyped-def]
        reply = request.reply()
        name = request.q.qname
        known = [record for record in self.records if record.rname == name]
        while known:
            for record in known:
                if record.rtype in (request.q.qtype, 5):
                    reply.add_answer(record)
            target = known[0].rdata.label if known[0].rtype == 5 else None
            known = [record for record in self.records if record.rname == target] if target else []
        if not any(record.rname == name for record in self.records):
            reply.header.rcode = RCODE.NXDOMAIN
        return reply


if __name__ == "__main__":
    address, zone = sys.argv[1:]
    for tcp in (False, True):
        DNSServer(Zone(zone), address=address, port=53, tcp=tcp).start_thread()
    print("serving", flush=True)
    while True:
        time.sleep(100)
