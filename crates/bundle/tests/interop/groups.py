"""What the official Python client does with groups of consumers, and with the projections of a node."""

from client import NotFound, StreamState, client, error, event, fresh, raises, run, soon


def consumes_in_a_group():
    stream, group = fresh("account"), fresh("group")
    events = [event(kind) for kind in ["A", "Bad", "C"]]
    client.append_to_stream(stream, current_version=StreamState.NO_STREAM, events=events)
    client.create_subscription_to_stream(group, stream, max_retry_count=1, consumer_strategy="RoundRobin")
    raises(error("AlreadyExists"), client.create_subscription_to_stream, group, stream)
    seen = []
    with client.read_subscription_to_stream(group, stream) as subscription:
        for each in subscription:
            seen.append((each.type, each.retry_count))
            if each.type == "Bad":
                subscription.nack(each, "park" if each.retry_count else "retry")
            else:
                subscription.ack(each)
            if len(seen) == 4:
                break
    assert sorted(seen) == [("A", 0), ("Bad", 0), ("Bad", 1), ("C", 0)], seen
    parked = lambda: client.get_subscription_info(group, stream).parked_message_count
    soon("one is parked", lambda: parked() == 1)
    client.replay_parked_events(group, stream)
    with client.read_subscription_to_stream(group, stream) as subscription:
        again = next(subscription)
        assert again.id == events[1].id
        subscription.ack(again)
    soon("it is parked no more", lambda: parked() == 0)
    client.delete_subscription(group, stream)
    raises(NotFound, client.get_subscription_info, group, stream)


def consumes_all_with_a_filter():
    stream, group, kind = fresh("seat"), fresh("group"), fresh("Reserved").replace("-", "")
    client.create_subscription_to_all(group, filter_include=[kind], from_end=True)
    client.append_to_stream(stream, current_version=StreamState.ANY, events=[event("Other"), event(kind)])
    with client.read_subscription_to_all(group) as subscription:
        each = next(subscription)
        assert (each.type, each.stream_position) == (kind, 1)
        subscription.ack(each)
    assert client.get_subscription_info(group).consumer_strategy == "DispatchToSingle"
    client.update_subscription_to_all(group, consumer_strategy="Pinned", max_subscriber_count=1)
    assert client.get_subscription_info(group).consumer_strategy == "Pinned"
    with client.read_subscription_to_all(group):
        raises(error("MaximumSubscriptionsReached"), client.read_subscription_to_all, group)
    assert group in [info.group_name for info in client.list_subscriptions()]
    client.delete_subscription(group)


def projects():
    category = fresh("shelf").replace("-", "")
    stream = f"{category}-1"
    events = [event("Placed"), event("Taken")]
    client.append_to_stream(stream, current_version=StreamState.ANY, events=events)
    status = lambda: client.get_projection_statistics(name="$by_category").status
    assert status() == "Stopped"
    client.enable_projection(name="$by_category")
    assert status() == "Running"

    def links():
        try:
            return client.get_stream(f"$ce-{category}", resolve_links=True)
        except NotFound:
            return []

    found = soon("both are linked", lambda: (len(links()) == 2 and links()))
    assert [each.id for each in found] == [each.id for each in events]
    assert [each.stream_name for each in found] == [stream, stream]
    client.disable_projection(name="$by_category")
    assert status() == "Stopped"
    client.reset_projection(name="$by_category")
    client.enable_projection(name="$by_category")
    client.append_to_stream(stream, current_version=1, events=event("Placed"))
    soon("the third is linked", lambda: len(links()) == 3)
    client.disable_projection(name="$by_category")
    assert client.get_projection_state(name="$by_category").value == {}
    raises(NotFound, client.get_projection_statistics, name="none-such")


run(consumes_in_a_group, consumes_all_with_a_filter, projects)
