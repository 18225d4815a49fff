"""What the official Python client does with the streams of a node."""

import threading
import uuid

from client import Deleted, NotFound, StreamState, WrongVersion, client, error, event, fresh, lib, raises, run


def appends_and_reads():
    stream = fresh("account")
    opened = event("AccountOpened", owner="Zoë")
    client.append_to_stream(stream, current_version=StreamState.NO_STREAM, events=opened)
    again = client.append_to_stream(stream, current_version=StreamState.NO_STREAM, events=opened)
    batch = [event("Deposited", amount=n) for n in range(1, 4)]
    position = client.append_to_stream(stream, current_version=0, events=batch)
    assert position > again
    forwards = client.get_stream(stream)
    assert [e.stream_position for e in forwards] == [0, 1, 2, 3]
    assert forwards[3].commit_position == position
    assert forwards[0].id == opened.id and forwards[0].data == opened.data
    backwards = client.get_stream(stream, backwards=True, limit=2)
    assert [e.stream_position for e in backwards] == [3, 2]
    raises(WrongVersion, client.append_to_stream, stream, current_version=1, events=event("X"))
    raises(WrongVersion, client.append_to_stream, stream, current_version=1, events=[event("X"), event("Y")])
    raises(NotFound, client.get_stream, fresh("account"))
    assert client.get_current_version(stream) == 3


def filters_all():
    stream = fresh("seat")
    wanted = event(f"Reserved{uuid.uuid4().hex}", seat=1)
    client.append_to_stream(stream, current_version=StreamState.ANY, events=[event("Other"), wanted])
    by_type = list(client.read_all(filter_include=[wanted.type]))
    assert [e.id for e in by_type] == [wanted.id]
    by_stream = list(client.read_all(filter_include=[stream], filter_by_stream_name=True, backwards=True))
    assert [e.stream_position for e in by_stream] == [1, 0]
    assert not [e for e in client.read_all() if e.type.startswith("$")], "the default filter looks ahead"
    assert client.get_commit_position() >= by_type[0].commit_position


def subscribes():
    stream = fresh("account")
    client.append_to_stream(stream, current_version=StreamState.ANY, events=[event("A"), event("B")])
    with client.subscribe_to_stream(stream, include_caught_up=True) as subscription:
        seen = []
        for each in subscription:
            if type(each).__name__ == "CaughtUp":
                more = event("C")
                threading.Thread(
                    target=client.append_to_stream, args=(stream,), kwargs={"current_version": StreamState.ANY, "events": more}
                ).start()
                continue
            seen.append(each.type)
            if seen[-1] == "C":
                break
    assert seen == ["A", "B", "C"], seen
    kind = f"Rare{uuid.uuid4().hex}"
    with client.subscribe_to_all(
        filter_include=[kind], include_checkpoints=True, window_size=1, checkpoint_interval_multiplier=1
    ) as subscription:
        for each in subscription:
            if type(each).__name__ == "Checkpoint":
                break
    client.append_to_stream(stream, current_version=StreamState.ANY, events=event(kind))
    with client.subscribe_to_all(filter_include=[kind], commit_position=each.commit_position) as subscription:
        assert next(subscription).type == kind


def deletes():
    stream = fresh("account")
    client.append_to_stream(stream, current_version=StreamState.ANY, events=event("A"))
    client.delete_stream(stream, current_version=0)
    raises(NotFound, client.get_stream, stream)
    client.append_to_stream(stream, current_version=StreamState.NO_STREAM, events=event("B"))
    assert [e.stream_position for e in client.get_stream(stream)] == [1]
    raises(WrongVersion, client.delete_stream, stream, current_version=7)
    client.tombstone_stream(stream, current_version=StreamState.ANY)
    raises(Deleted, client.get_stream, stream)
    # This client has no word of its own for it where a single event is appended.
    closed = error("FailedPrecondition")
    raises(closed, client.append_to_stream, stream, current_version=StreamState.ANY, events=event("C"))
    raises(Deleted, client.append_to_stream, stream, current_version=StreamState.ANY, events=[event("C")])


def sets_metadata():
    stream = fresh("account")
    client.append_to_stream(stream, current_version=StreamState.ANY, events=[event("A"), event("B"), event("C")])
    metadata, version = client.get_stream_metadata(stream)
    assert metadata == {} and version == StreamState.NO_STREAM
    client.set_stream_metadata(stream, metadata={"$maxCount": 2, "owner": "Zoë"}, current_version=version)
    assert client.get_stream_metadata(stream) == ({"$maxCount": 2, "owner": "Zoë"}, 0)
    assert [e.stream_position for e in client.get_stream(stream)] == [1, 2]


def appends_to_several_streams():
    if not hasattr(client, "multi_append_to_stream"):
        return
    first, second = fresh("account"), fresh("account")
    to = lambda stream, version, *events: lib.NewEvents(stream_name=stream, events=events, current_version=version)
    position = client.multi_append_to_stream(
        [to(first, StreamState.NO_STREAM, event("A"), event("B")), to(second, StreamState.ANY, event("C"))]
    )
    assert client.get_stream(second)[-1].commit_position == position
    conflict = [to(first, 1, event("D")), to(second, 7, event("E"))]
    raises(WrongVersion, client.multi_append_to_stream, conflict)
    assert [e.type for e in client.get_stream(first)] == ["A", "B"], "all or nothing"


run(appends_and_reads, filters_all, subscribes, deletes, sets_metadata, appends_to_several_streams)
