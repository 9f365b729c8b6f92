"""No arrow leads back from where a gateway may have a text already."""

from cbi.messaging.states import MESSAGE, MessageState


def test_only_a_waiting_text_is_taken_by_a_worker() -> None:
    assert MESSAGE.sources(MessageState.SENDING) == {MessageState.QUEUED}


def test_a_text_waits_again_only_from_a_workers_hand() -> None:
    assert MESSAGE.sources(MessageState.QUEUED) == {MessageState.SENDING}


def test_an_unknown_text_can_never_be_sent_again() -> None:
    reachable, todo = set[MessageState](), [MessageState.UNKNOWN]
    while todo:
        state = todo.pop()
        reachable.add(state)
        todo += [after for after in MESSAGE.moves.get(state, {}) if after not in reachable]
    assert reachable == {
        MessageState.UNKNOWN,
        MessageState.SENT,
        MessageState.DELIVERED,
        MessageState.FAILED,
    }
