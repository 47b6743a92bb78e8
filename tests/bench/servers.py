"""What the measuring programs of this folder share: servers as processes, a small client, and the kernel's figures of them.

Commands of servers are templates: {port}, {other_port} and {dir} are filled in. Ports begin at BASE_PORT (7600) of the
environment; our binaries are those in RELEASE, or else in target/release.
"""
import atexit, os, shlex, shutil, signal, socket, statistics, subprocess, tempfile, time

HERE = os.path.dirname(os.path.abspath(__file__))
RELEASE = os.environ.get("RELEASE") or os.path.join(HERE, "../../target/release")
BENCH = os.path.join(RELEASE, "ringmaster-bench")
TICK = os.sysconf("SC_CLK_TCK")
_next_port = int(os.environ.get("BASE_PORT", "7600"))


def ours(binary=None, cores=1):
    """The command of our server: the release build, unless another binary is named."""
    binary = binary or os.path.join(RELEASE, "ringmaster")
    return f"{binary} --port {{port}} --dir {{dir}} --cores {cores} --save ''"


def peer(kind, options=""):
    """The command of a real server: 'valkey' or 'redis'."""
    variable = f"{kind.upper()}_SERVER"
    binary = os.environ.get(variable) or shutil.which(f"{kind}-server")
    if not binary:
        raise SystemExit(f"no {kind}-server: name it by {variable}")
    return f"{binary} --port {{port}} --dir {{dir}} --save '' --cluster-enabled yes {options}"


class Client:
    """One connection; `call` gives the reply as bytes, a number, a list or None, and raises on an error."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=300)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.file = self.socket.makefile("rb")

    @staticmethod
    def encode(words):
        words = [word if isinstance(word, bytes) else str(word).encode() for word in words]
        return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)

    def send(self, data):
        self.socket.sendall(data)

    def call(self, *words):
        self.send(self.encode(words))
        return self.read()

    def read(self):
        line = self.file.readline()
        kind, rest = line[:1], line[1:].rstrip()
        if kind == b"-":
            raise RuntimeError(rest.decode())
        if kind == b":":
            return int(rest)
        if kind == b"$":
            return None if rest == b"-1" else self.file.read(int(rest) + 2)[:-2]
        if kind == b"*":
            return [self.read() for _ in range(int(rest))]
        if kind == b"+":
            return rest
        raise EOFError("the server closed the connection")

    def info(self, section):
        text = self.call("INFO", section).decode()
        return dict(line.split(":", 1) for line in text.split("\r\n") if ":" in line)


class Server:
    """A server as a process. `cpu` pins it to one; `room` is how many ports it takes."""

    def __init__(self, template, cpu=None, folder=None, room=10):
        global _next_port
        self.port, _next_port = _next_port, _next_port + room
        self.other_port = self.port + 5
        self.template, self.cpu = template, cpu
        self.folder = folder or tempfile.mkdtemp(prefix="bench-")
        self.start()

    def start(self):
        values = {"{port}": str(self.port), "{other_port}": str(self.other_port), "{dir}": self.folder}
        words = shlex.split(self.template)
        for name, value in values.items():
            words = [word.replace(name, value) for word in words]
        pin = ["taskset", "-c", str(self.cpu)] if self.cpu is not None else []
        atexit.register(self.stop)
        self.log = open(os.path.join(self.folder, "log"), "ab")
        self.process = subprocess.Popen(pin + words, cwd=self.folder, stdout=self.log, stderr=subprocess.STDOUT)
        for _ in range(600):
            try:
                self.client = Client(self.port)
                self.client.call("PING")
                return
            except RuntimeError:
                return  # it answers, if only that it is loading
            except (OSError, EOFError):
                time.sleep(0.05)
        raise SystemExit(f"no answer from {words}; its log is {self.log.name}")

    @property
    def pid(self):
        return self.process.pid

    def cpu_seconds(self):
        fields = open(f"/proc/{self.pid}/stat").read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICK

    def resident(self, what="VmRSS"):
        """Bytes of this process and of the children it forked."""
        children = open(f"/proc/{self.pid}/task/{self.pid}/children").read().split()
        return sum(status(pid, what) for pid in [self.pid, *children])

    def stop(self, keep=False):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
        if not keep:
            shutil.rmtree(self.folder, ignore_errors=True)


def status(pid, what):
    try:
        lines = open(f"/proc/{pid}/status").readlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(what + ":")), 0)


def private(pid):
    """Bytes that are this process's alone: what a forked child shares with its parent counts once."""
    try:
        lines = open(f"/proc/{pid}/smaps_rollup").readlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))


def wait_until(what, condition, seconds=120):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise SystemExit(f"waited in vain: {what}")
        time.sleep(0.02)


def own_all_slots(server):
    server.client.call("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
    wait_until("the cluster is up", lambda: b"cluster_state:ok" in server.client.call("CLUSTER", "INFO"))


def fill(client, count, size, batch=1000, key="key:%010d"):
    """Sets `count` keys to values of `size` bytes that do not compress."""
    for first in range(0, count, batch):
        numbers = range(first, min(first + batch, count))
        client.send(b"".join(Client.encode(["SET", key % number, os.urandom(size)]) for number in numbers))
        for _ in numbers:
            client.read()


def median(values):
    return statistics.median(values)
