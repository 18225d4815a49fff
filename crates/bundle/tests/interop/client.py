"""The official Python client, and what the scripts that use it have in common.

The arguments of each script: the module's name, and the connection string of a node.
"""

import importlib
import json
import sys
import time
import uuid

module, uri = sys.argv[1:3]
lib = importlib.import_module(module)
Client = lib.KurrentDBClient if module == "kurrentdbclient" else lib.EventStoreDBClient
errors = importlib.import_module(f"{module}.exceptions")
NewEvent, StreamState = lib.NewEvent, lib.StreamState
client = Client(uri=uri)


def error(name):
    """The newer client has `Error` at the end of these names."""
    return getattr(errors, name, None) or getattr(errors, name + "Error")


WrongVersion, NotFound, Deleted = error("WrongCurrentVersion"), error("NotFound"), error("StreamIsDeleted")


def event(kind, **data):
    return NewEvent(type=kind, data=json.dumps(data).encode(), id=uuid.uuid4())


def raises(error, call, *args, **kwargs):
    try:
        call(*args, **kwargs)
    except error:
        return
    raise AssertionError(f"{error} was not raised")


def fresh(category):
    return f"{category}-{uuid.uuid4()}"


def soon(what, found):
    """Asks again until there is what was asked for."""
    deadline = time.monotonic() + 60
    while not (answer := found()):
        assert time.monotonic() < deadline, what
    return answer


def run(*jobs):
    """Does one job after the other, and tells of each."""
    for job in jobs:
        job()
        print("ok", job.__name__, flush=True)
    client.close()
