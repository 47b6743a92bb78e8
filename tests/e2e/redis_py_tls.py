"""redis-py over TLS: one node, the cluster, values large and small. Arguments: port, file of the authority."""

import sys

import redis

port, authority = int(sys.argv[1]), sys.argv[2]
tls = dict(host="127.0.0.1", port=port, ssl=True, ssl_ca_certs=authority)

cluster = redis.cluster.RedisCluster(**tls)
for i in range(200):
    cluster.set(f"key:{i}", i)
assert [int(cluster.get(f"key:{i}")) for i in range(200)] == list(range(200))

for size in (0, 1, 16_000, 16_384, 100_000, 5_000_000):
    value = bytes(i % 251 for i in range(1000)) * (size // 1000) + b"x" * (size % 1000)
    cluster.set("big", value)
    assert cluster.get("big") == value, size

node = redis.Redis(protocol=3, **tls)
pipeline = node.pipeline(transaction=False)
for i in range(1000):
    pipeline.echo(f"message {i}")
assert pipeline.execute() == [f"message {i}".encode() for i in range(1000)]
