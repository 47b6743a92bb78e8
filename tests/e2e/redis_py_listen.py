"""redis-py as a listener: pub/sub over a cluster of cores, sharded pub/sub, a cache of its own (RESP3)."""

import sys
import time

import redis
from redis.cache import CacheConfig
from redis.cluster import RedisCluster
from redis.connection import CacheProxyConnection

# redis-py asks for Redis 7.4; what it uses is older. This server says 7.2, as Valkey does.
CacheProxyConnection.MIN_ALLOWED_VERSION = "7.2.0"

port, ingress = int(sys.argv[1]), int(sys.argv[2])


def message(pubsub):
    """The next message that is no confirmation."""
    end = time.time() + 20
    while time.time() < end:
        got = pubsub.get_message(timeout=1, ignore_subscribe_messages=True)
        if got:
            return got["type"], got["channel"], got["data"]
    raise AssertionError("no message")


# Classic channels: published at one core, heard at the other, by either protocol.
for protocol in (2, 3):
    first = redis.Redis(port=port, protocol=protocol, decode_responses=True)
    second = redis.Redis(port=port + 1, protocol=protocol, decode_responses=True)
    listener = second.pubsub()
    listener.subscribe("news")
    listener.psubscribe("n*")
    end = time.time() + 20
    while second.pubsub_numpat() == 0 and time.time() < end:
        pass
    first.publish("news", "hello")
    got = {message(listener), message(listener)}
    assert got == {("message", "news", "hello"), ("pmessage", "news", "hello")}, got
    listener.unsubscribe()
    listener.punsubscribe()
    listener.close()

# Shard channels: redis-py finds the core that has the slot.
cluster = RedisCluster(host="127.0.0.1", port=port, decode_responses=True)
listener = cluster.pubsub()
for channel in ("a", "b"):
    listener.ssubscribe(channel)
for channel in ("a", "b"):
    assert cluster.spublish(channel, f"to {channel}") == 1
    end, got = time.time() + 20, {"type": "ssubscribe"}
    # redis-py 7 gives nothing at all here when told to ignore confirmations.
    while (got is None or got["type"] == "ssubscribe") and time.time() < end:
        got = listener.get_sharded_message()
    assert (got["type"], got["channel"], got["data"]) == ("smessage", channel, f"to {channel}"), got

# A cache of the client's own: on the ingress, keys of both cores.
for at in (port, ingress):
    cached = redis.Redis(port=at, protocol=3, decode_responses=True, cache_config=CacheConfig())
    other = redis.Redis(port=ingress, decode_responses=True)
    for key in ("b", "{b}2") if at == port else ("a", "b", "foo", "bar"):
        other.set(key, "one")
        assert cached.get(key) == "one"
        assert cached.get_cache().size > 0
        assert cached.get(key) == "one"
        other.set(key, "two")
        end = time.time() + 20
        while cached.get(key) != "two":
            assert time.time() < end, f"{key} stays stale"
print("redis-py listens: ok")
