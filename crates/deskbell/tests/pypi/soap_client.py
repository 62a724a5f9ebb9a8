"""Drives the desk by its WSDL with zeep. Arguments: the address of the server and an admin key; prints what it was
answered as JSON. Must not know how an envelope looks: that is zeep's to read out of the WSDL."""

import json
import sys

import requests
import zeep
from zeep.exceptions import Fault
from zeep.helpers import serialize_object
from zeep.transports import Transport

address, key = sys.argv[1:]


def client(port, bearer=None):
    session = requests.Session()
    if bearer:
        session.headers["Authorization"] = f"Bearer {bearer}"
    made = zeep.Client(f"{address}/soap?wsdl", port_name=port, transport=Transport(session=session, timeout=20))
    return made.service


def fault(call):
    try:
        call()
    except Fault as fault:
        detail = fault.detail
        status = detail.find(".//{urn:deskbell:soap:1}status").text if detail is not None else None
        return {"code": str(fault.code), "reason": fault.message, "status": status}
    raise SystemExit("no fault came")


told = {}
for port in ("Deskbell", "Deskbell12"):
    desk, staff = client(port), client(port, key)
    ticket = desk.RequestHelp(site="shop", skill=["cameras"], name="Zoe <&> Zeep", message="Which one?")
    told[port] = {
        "presence": desk.GetGroupPresence(site="shop"),
        "cameras": desk.GetGroupPresence(site="shop", skill="cameras", tier="gold"),
        "reps": staff.GetRepresentatives(skill="cameras"),
        "ticket": ticket,
        "seen": desk.GetTicket(id=ticket.id, token=ticket.token),
        "cancelled": desk.CancelTicket(id=ticket.id, token=ticket.token),
        "faults": {
            "site": fault(lambda: desk.GetGroupPresence(site="nowhere")),
            "skill": fault(lambda: desk.RequestHelp(site="shop", skill=["juggling"])),
            "key": fault(lambda: desk.GetRepresentatives()),
            "token": fault(lambda: desk.GetTicket(id=ticket.id, token="not-the-token")),
        },
    }
listener = zeep.Client(f"{address}/soap?wsdl=notify")
told["listener"] = sorted(listener.wsdl.bindings["{urn:deskbell:soap:1}DeskbellListener"]._operations)
print(json.dumps(serialize_object(told, dict), default=str))
