"""redis-py while slots move: it writes and reads until its input ends; an error is the end of it, as of any application."""

import sys
import threading

from redis.cluster import RedisCluster

KEYS = 200
client = RedisCluster(host="127.0.0.1", port=int(sys.argv[1]), decode_responses=True)
done = threading.Event()
threading.Thread(target=lambda: (sys.stdin.read(), done.set()), daemon=True).start()
i = 0
while not done.is_set():
    key = f"redis-py:{i % KEYS}"
    assert client.set(key, i)
    assert client.get(key) == str(i)
    assert client.incr(f"{{{key}}}:count") == i // KEYS + 1
    assert client.mset({f"{{{key}}}:a": i, f"{{{key}}}:b": i})
    assert client.mget(f"{{{key}}}:a", f"{{{key}}}:b") == [str(i), str(i)]
    with client.pipeline() as pipe:
        for other in range(5):
            pipe.set(f"redis-py:piped:{i % KEYS + other}", i)
        assert pipe.execute() == [True] * 5
    i += 1
    if i == KEYS:
        print("ready", flush=True)
for last in range(i - KEYS, i):
    key = f"redis-py:{last % KEYS}"
    assert client.get(key) == str(last), key
    assert client.get(f"{{{key}}}:count") == str(last // KEYS + 1), key
    assert client.mget(f"{{{key}}}:a", f"{{{key}}}:b") == [str(last), str(last)], key
