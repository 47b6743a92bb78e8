"""redis-py and Celery as applications use them: locks, scripts, a queue of work.

Arguments: a node's port, the ingress port.
"""

import sys
import threading

import redis
from celery import Celery, chord
from celery.contrib.testing.worker import start_worker
from redis.cluster import RedisCluster

port, ingress = int(sys.argv[1]), int(sys.argv[2])


def locks(client):
    """A lock keeps others out, passes on, and is lost by whoever holds it too long."""
    counter = {"held": 0, "most": 0, "times": 0}

    def work():
        for _ in range(20):
            with client.lock("lock:{work}", timeout=20, blocking_timeout=20):
                counter["held"] += 1
                counter["most"] = max(counter["most"], counter["held"])
                counter["times"] += 1
                counter["held"] -= 1

    threads = [threading.Thread(target=work) for _ in range(4)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert (counter["most"], counter["times"]) == (1, 80), counter
    lock = client.lock("lock:{own}", timeout=20)
    assert lock.acquire(blocking=False) and not client.lock("lock:{own}").acquire(blocking=False)
    assert lock.extend(5, replace_ttl=True) and lock.owned()
    client.delete("lock:{own}")
    try:
        lock.release()
        raise AssertionError("a lock that was lost cannot be given back")
    except redis.exceptions.LockError:
        pass


def scripts(client):
    add = client.register_script("return redis.call('incrby', KEYS[1], ARGV[1])")
    assert add(keys=["count"], args=[5]) == 5 and add(keys=["count"], args=[2]) == 7
    client.script_flush()
    assert add(keys=["count"], args=[1]) == 8
    client.function_load("#!lua name=apps\nredis.register_function('twice', function(keys, args) return args[1] * 2 end)", True)
    assert client.fcall("twice", 0, 21) == 42


def queues(url):
    """Celery: tasks, one that is tried again, and one that waits for others. The prefix keeps its keys in one slot,
    because it uses several of them in one transaction."""
    app = Celery("apps", broker=url, backend=url)
    prefix = {"global_keyprefix": "{celery}:"}
    app.conf.update(broker_transport_options=prefix, result_backend_transport_options=prefix)
    tried = []

    @app.task
    def double(number):
        return number * 2

    @app.task
    def total(numbers):
        return sum(numbers)

    @app.task(bind=True, max_retries=1, default_retry_delay=0)
    def stubborn(self):
        tried.append(True)
        if len(tried) == 1:
            raise self.retry()
        return "done"

    with start_worker(app, perform_ping_check=False, pool="threads", concurrency=4, loglevel="ERROR"):
        results = [double.delay(i) for i in range(20)]
        assert [result.get(timeout=30) for result in results] == [i * 2 for i in range(20)]
        assert stubborn.delay().get(timeout=30) == "done" and len(tried) == 2
        assert chord(double.s(i) for i in range(10))(total.s()).get(timeout=30) == 90


ingress_client = redis.Redis(port=ingress)
locks(ingress_client)
locks(RedisCluster(host="127.0.0.1", port=port))
scripts(redis.Redis(port=ingress))
queues(f"redis://127.0.0.1:{ingress}/0")
