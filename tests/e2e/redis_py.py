"""redis-py's RedisCluster: routing, pipelines, hash tags, transactions, scans."""

import sys

from redis.cluster import RedisCluster

port = int(sys.argv[1])
client = RedisCluster(host="127.0.0.1", port=port, decode_responses=True)
assert len(client.get_primaries()) == 3, client.get_nodes()
for i in range(500):
    assert client.set(f"user:{i}", f"name{i}")
assert all(client.get(f"user:{i}") == f"name{i}" for i in range(500))

with client.pipeline() as pipe:
    for i in range(200):
        pipe.incr(f"counter:{i % 10}")
    assert len(pipe.execute()) == 200
assert client.get("counter:3") == "20"

assert client.mset_nonatomic({f"k{i}": i for i in range(20)})
assert client.mget_nonatomic([f"k{i}" for i in range(20)]) == [str(i) for i in range(20)]
client.set("{user:1000}:profile", "Andrew")
client.set("{user:1000}:cart", "items:5")
assert client.mget("{user:1000}:profile", "{user:1000}:cart") == ["Andrew", "items:5"]
assert len(set(client.scan_iter("user:*"))) == 500
# Without target_nodes redis-py 7.4 asks one node only, of real servers too.
assert client.dbsize(target_nodes=RedisCluster.PRIMARIES) == 500 + 10 + 20 + 2
client.flushall(target_nodes=RedisCluster.PRIMARIES)
assert client.dbsize(target_nodes=RedisCluster.PRIMARIES) == 0
print("redis-py: ok")
