"""redis-py-cluster 2.1.3, as the users' guide shows it."""

import sys

from rediscluster import RedisCluster

port = int(sys.argv[1])
startup_nodes = [{"host": "127.0.0.1", "port": str(port + i)} for i in range(3)]
rc = RedisCluster(startup_nodes=startup_nodes, decode_responses=True)
rc.set("user:1000", "Andrew")
rc.set("product:2000", "Laptop")
assert rc.get("user:1000") == "Andrew"
assert rc.get("product:2000") == "Laptop"
for i in range(200):
    rc.set(f"key:{i}", i)
assert all(rc.get(f"key:{i}") == str(i) for i in range(200))
print("redis-py-cluster: ok")
