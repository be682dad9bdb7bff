"""Both streams keep the same promises: in this process, and over a real Redis."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest
import redis

from clinic.database import new_id
from clinic.errors import PlainError
from clinic.events import Stream, get_stream
from clinic.events.memory import MemoryStream
from clinic.events.redis_stream import RedisStream
from clinic.vault import VaultError, get_vault

REDIS_URL = os.environ.get("SAMEVOICE_TEST_REDIS_URL", "redis://127.0.0.1:6379/5")
CANARY = "Nachtigall-Quitte-7391"


@pytest.fixture(scope="module")
def redis_url() -> str:
    """A Redis that answers. CI always has one."""
    try:
        redis.Redis.from_url(REDIS_URL, socket_connect_timeout=1).ping()
    except redis.RedisError:
        if os.environ.get("CI") or "SAMEVOICE_TEST_REDIS_URL" in os.environ:
            raise
        pytest.skip("no Redis at SAMEVOICE_TEST_REDIS_URL")
    return REDIS_URL


@pytest.fixture(params=["memory", "redis"])
def make(request: pytest.FixtureRequest, home: Path) -> Iterator[Callable[..., Stream]]:
    """Makes a stream of either kind; what it left in Redis is removed."""
    if request.param == "memory":
        yield MemoryStream
        return
    url = request.getfixturevalue("redis_url")
    yield lambda **options: RedisStream(url, **options)
    client = redis.Redis.from_url(url)
    for key in client.scan_iter("samevoice:events:test-*"):
        client.delete(key)


@pytest.fixture
def patient_id(home: Path) -> str:
    """A patient with a key."""
    patient_id = new_id()
    get_vault().create_key(patient_id)
    return patient_id


@pytest.fixture
def topic() -> str:
    """A topic that no other test uses."""
    return f"test-{new_id()}"


def test_events_come_in_order_with_their_sound_and_can_be_read_on_from_any(
    make: Callable[..., Stream], patient_id: str, topic: str
) -> None:
    stream = make()
    sound = os.urandom(48_000)
    ids = [
        stream.publish(topic, patient_id, {"type": "words", "text": "Zoë", "confidence": 0.9}),
        stream.publish(topic, patient_id, {"type": "speech"}, sound),
        stream.publish(topic, patient_id, {"type": "speech_end"}),
    ]
    events = stream.read(topic, patient_id)
    assert [event.id for event in events] == ids
    assert events[0].event == {"type": "words", "text": "Zoë", "confidence": 0.9}
    assert events[1].blob == sound
    assert [event.id for event in stream.read(topic, patient_id, after=ids[1])] == ids[2:]
    assert stream.read(topic, patient_id, after=ids[2], timeout_s=0.0) == []
    assert stream.read(f"{topic}-other", patient_id, timeout_s=0.01) == []


def test_a_reader_is_woken_by_what_another_thread_publishes(
    make: Callable[..., Stream], patient_id: str, topic: str
) -> None:
    stream, reading, got = make(), threading.Event(), []

    def read() -> None:
        reading.set()
        got.extend(stream.read(topic, patient_id, timeout_s=20.0))

    thread = threading.Thread(target=read)
    thread.start()
    reading.wait()
    time.sleep(0.05)  # let it block; the promise holds either way
    stream.publish(topic, patient_id, {"type": "working"})
    thread.join(timeout=10)
    assert [event.event for event in got] == [{"type": "working"}]


def test_nothing_is_lost_or_doubled_among_many_threads(
    make: Callable[..., Stream], patient_id: str, topic: str
) -> None:
    stream = make()

    def publish(start: int) -> None:
        for number in range(start, start + 25):
            stream.publish(topic, patient_id, {"number": number})

    threads = [threading.Thread(target=publish, args=(start,)) for start in (0, 25, 50, 75)]
    for thread in threads:
        thread.start()
    seen: list[int] = []
    after = ""
    while len(seen) < 100:
        events = stream.read(topic, patient_id, after=after, timeout_s=5.0)
        assert events
        seen += [event.event["number"] for event in events]
        after = events[-1].id
    for thread in threads:
        thread.join()
    assert sorted(seen) == list(range(100))


def test_a_stream_is_bounded_and_the_oldest_gives_way(make: Callable[..., Stream], patient_id: str, topic: str) -> None:
    stream = make(keep_events=50)
    for number in range(400):
        stream.publish(topic, patient_id, {"number": number})
    kept, after = [], ""
    while events := stream.read(topic, patient_id, after=after, timeout_s=0.0):
        kept += [event.event["number"] for event in events]
        after = events[-1].id
    # Redis trims whole blocks of a hundred: "about" that many.
    assert 50 <= len(kept) <= 200
    assert kept == list(range(400 - len(kept), 400))


@pytest.mark.parametrize("after", ["abc", "-1", "1-1-1", "٣", "9" * 40, "*", "$"])
def test_a_place_that_a_browser_made_up_is_refused(
    make: Callable[..., Stream], patient_id: str, topic: str, after: str
) -> None:
    with pytest.raises(PlainError) as caught:
        make().read(topic, patient_id, after=after, timeout_s=0.0)
    assert caught.value.code == "bad_event_id"


def test_after_an_erasure_what_is_still_in_the_stream_cannot_be_read(
    make: Callable[..., Stream], patient_id: str, topic: str
) -> None:
    stream = make()
    stream.publish(topic, patient_id, {"text": CANARY})
    get_vault().shred(patient_id)
    with pytest.raises(VaultError) as caught:
        stream.read(topic, patient_id)
    assert caught.value.code == "erased"


def test_another_patient_cannot_read_the_topic(make: Callable[..., Stream], patient_id: str, topic: str) -> None:
    stream, other = make(), new_id()
    get_vault().create_key(other)
    stream.publish(topic, patient_id, {"text": CANARY})
    with pytest.raises(VaultError) as caught:
        stream.read(topic, other)
    assert caught.value.code == "tampered"


def test_redis_holds_no_words_no_sound_and_forgets(home: Path, redis_url: str, patient_id: str, topic: str) -> None:
    sound = bytes(range(256)) * 20
    stream = RedisStream(redis_url, keep_s=120)
    stream.publish(topic, patient_id, {"text": CANARY}, sound)
    client, key = redis.Redis.from_url(redis_url), f"samevoice:events:{topic}"
    (_id, values), *_ = cast("list[tuple[bytes, dict[Any, Any]]]", client.xrange(key))
    held = b"".join([*values, *values.values()])
    assert len(held) > len(sound)
    assert CANARY.encode() not in held
    assert sound[:64] not in held
    assert 0 < client.ttl(key) <= 120
    # An event that was put under another topic does not open there.
    client.xadd(f"{key}-other", values)
    with pytest.raises(VaultError) as caught:
        stream.read(f"{topic}-other", patient_id, timeout_s=0.0)
    assert caught.value.code == "tampered"
    client.delete(key, f"{key}-other")


def test_a_redis_that_is_away_is_said_plainly_and_without_its_password(home: Path, patient_id: str) -> None:
    stream = RedisStream("redis://:hunter2@127.0.0.1:1/0")
    for attempt in (lambda: stream.publish("t", patient_id, {}), lambda: stream.read("t", patient_id)):
        with pytest.raises(PlainError) as caught:
            attempt()
        assert (caught.value.code, caught.value.status) == ("events_unavailable", 503)
        assert "hunter2" not in caught.value.message


def test_memory_forgets_what_is_old_and_what_is_too_much(home: Path, patient_id: str) -> None:
    clock = [0.0]
    stream = MemoryStream(keep_s=60.0, keep_bytes=10_000, clock=lambda: clock[0])
    for number in range(5):
        stream.publish("big", patient_id, {"number": number}, bytes(3000))
    assert [event.event["number"] for event in stream.read("big", patient_id)] == [2, 3, 4]
    clock[0] = 59.0
    assert len(stream.read("big", patient_id, timeout_s=0.0)) == 3
    clock[0] = 61.0
    assert stream.read("big", patient_id, timeout_s=0.0) == []


def test_memory_puts_new_events_after_those_of_before_a_restart(home: Path, patient_id: str) -> None:
    before = MemoryStream().publish("t", patient_id, {"n": 1})
    after_restart = MemoryStream()
    after_restart.publish("t", patient_id, {"n": 2})
    assert [event.event for event in after_restart.read("t", patient_id, after=before)] == [{"n": 2}]


def test_the_settings_choose_the_stream(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from clinic.settings import get_settings

    for url, kind in (("memory://", MemoryStream), (REDIS_URL, RedisStream)):
        monkeypatch.setenv("SAMEVOICE_EVENTS_URL", url)
        get_settings.cache_clear()
        get_stream.cache_clear()
        assert isinstance(get_stream(), kind)
