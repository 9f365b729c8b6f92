"""Kannel itself, on free loopback ports in a folder of its own, with its fake network and a handset on it."""

import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from urllib.parse import unquote_to_bytes

from tests.peers.needing import needed

SENDER = "40404"
USER, PASSWORD = "cbi", "gateway-test-password"
PATIENCE = 20.0

_CORE = """
group = core
admin-port = {admin}
admin-interface = 127.0.0.1
admin-password = {password}
status-password = {password}
admin-deny-ip = "*.*.*.*"
admin-allow-ip = "127.0.0.1"
smsbox-port = {boxes}
smsbox-interface = 127.0.0.1
box-deny-ip = "*.*.*.*"
box-allow-ip = "127.0.0.1"
dlr-storage = internal
store-type = spool
store-location = spool
log-file = bearerbox.log
log-level = 2

{network}

group = smsbox
bearerbox-host = 127.0.0.1
bearerbox-port = {boxes}
sendsms-port = {sendsms}
sendsms-interface = 127.0.0.1
global-sender = {sender}
mo-recode = true
http-request-retry = 100
http-queue-delay = 1
log-file = smsbox.log
log-level = 2

group = sendsms-user
username = {user}
password = {password}
user-deny-ip = "*.*.*.*"
user-allow-ip = "127.0.0.1"
"""
_FAKE = """
group = smsc
smsc = fake
smsc-id = FAKE
port = {network_port}
connect-allow-ip = 127.0.0.1
"""
_SMPP = """
group = smsc
smsc = smpp
smsc-id = SIM
host = 127.0.0.1
port = {network_port}
transceiver-mode = true
smsc-username = cbi
smsc-password = secret
system-type = ""
interface-version = 34
source-addr-autodetect = true
dest-addr-ton = 1
dest-addr-npi = 1
reconnect-delay = 1
msg-id-type = 0x00
"""
_INBOUND = """
group = sms-service
keyword = default
catch-all = true
max-messages = 0
send-sender = true
post-url = "{url}"
"""


def kannel_is_here() -> None:
    """Skip the test where Kannel is not installed."""
    found = bool(_program("bearerbox") and _program("smsbox"))
    needed(found, "Kannel", "apt-get install kannel")


def _program(name: str) -> str | None:
    return shutil.which(name) or shutil.which(name, path="/usr/sbin")


def free_port() -> int:
    """A loopback port that nothing listens on at this moment."""
    with socket.socket() as tried:
        tried.bind(("127.0.0.1", 0))
        return int(tried.getsockname()[1])


def until(true: Callable[[], object], what: str, *, within: float = PATIENCE) -> None:
    """Wait until something holds; fail the test when it does not come to hold."""
    end = time.monotonic() + within
    while not true():
        assert time.monotonic() < end, f"waited in vain: {what}"
        time.sleep(0.02)


def listening(port: int) -> bool:
    """Whether something accepts connections on a loopback port."""
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


class Handset:
    """A telephone on the fake network: what Kannel delivers to it, and what it sends. `None` while it is out of reach."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._lines: list[str] = []
        self._socket: socket.socket | None = None

    def __enter__(self) -> "Handset":
        until(self._connected, "a place on the fake network")
        assert self._socket
        threading.Thread(target=self._read, args=[self._socket], daemon=True).start()
        return self

    def _connected(self) -> bool:
        with suppress(OSError):
            self._socket = socket.create_connection(("127.0.0.1", self._port), timeout=1)
            self._socket.settimeout(None)
            return True
        return False

    def _read(self, connection: socket.socket) -> None:
        with suppress(OSError), connection.makefile("r", encoding="utf-8") as lines:
            for line in lines:
                self._lines.append(line.rstrip("\n"))

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._socket:
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)
            self._socket.close()
            self._socket = None

    @property
    def texts(self) -> list[tuple[str, str]]:
        """What arrived, in order: the number and the words."""
        return [_read_line(line) for line in list(self._lines)]

    def words(self, count: int) -> list[str]:
        """The words of the first texts, once so many have arrived."""
        until(lambda: len(self._lines) >= count, f"{count} texts on the telephone")
        return [words for _, words in self.texts]

    def say(self, number: str, words: str) -> None:
        """Send a text to the office from a number (without a plus sign, as networks do)."""
        assert self._socket
        encoded = "".join(f"%{byte:02X}" for byte in words.encode("utf-16-be"))
        plain = words.isascii()
        line = f"{number} {SENDER} " + (f"text {words}" if plain else f"ucs2 {encoded}")
        self._socket.sendall(f"{line}\n".encode())


def _read_line(line: str) -> tuple[str, str]:
    _, number, kind, words = line.split(" ", 3)
    if kind == "ucs-2":
        return number, unquote_to_bytes(words.replace("+", " ")).decode("utf-16-be")
    return number, words


class Kannel:
    """bearerbox and smsbox, started and stopped together or one by one."""

    def __init__(
        self, folder: Path, *, inbound_url: str = "", smpp_port: int | None = None
    ) -> None:
        kannel_is_here()
        self.folder = folder
        self.admin, self.boxes, self.sendsms = free_port(), free_port(), free_port()
        self.network = smpp_port or free_port()
        (folder / "spool").mkdir(parents=True, exist_ok=True)
        config = _CORE.format(
            admin=self.admin, boxes=self.boxes, sendsms=self.sendsms, sender=SENDER, user=USER,
            password=PASSWORD,
            network=(_SMPP if smpp_port else _FAKE).strip().format(network_port=self.network),
        )  # fmt: skip
        if inbound_url:
            config += _INBOUND.format(url=inbound_url)
        (folder / "kannel.conf").write_text(config.lstrip())
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    @property
    def url(self) -> str:
        """Where texts are handed over."""
        return f"http://127.0.0.1:{self.sendsms}/cgi-bin/sendsms"

    def environment(self) -> dict[str, str]:
        """A deployment's environment that hands texts to this Kannel."""
        return {
            "CBI_SMS_TRANSPORT": "kannel",
            "CBI_SMS_KANNEL_URL": self.url,
            "CBI_SMS_KANNEL_USER": USER,
            "CBI_SMS_KANNEL_PASSWORD": PASSWORD,
            "CBI_SMS_SENDER": SENDER,
        }

    def start(self) -> None:
        """Start whatever does not run, and wait until it takes texts."""
        self._start("bearerbox", self.boxes)
        self._start("smsbox", self.sendsms)

    def _start(self, name: str, port: int) -> None:
        program = _program(name)
        assert program
        if name in self._running and self._running[name].poll() is None:
            return
        self._running[name] = subprocess.Popen(
            [program, "-v", "4", "kannel.conf"],
            cwd=self.folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        until(lambda: listening(port), f"{name} listens")

    def kill(self, name: str) -> None:
        """End one of the two as a power cut would. smsbox ends with bearerbox."""
        names = ["bearerbox", "smsbox"] if name == "bearerbox" else [name]
        for each in names:
            process = self._running.pop(each)
            process.kill()
            process.wait()

    def stop(self) -> None:
        """End both, gently first: with texts in its queues bearerbox wants to be told twice."""
        for name in ("smsbox", "bearerbox"):
            process = self._running.pop(name, None)
            if process is None:
                continue
            for told in (signal.SIGTERM, signal.SIGTERM, signal.SIGKILL):
                process.send_signal(told)
                with suppress(subprocess.TimeoutExpired):
                    process.wait(timeout=1)
                    break

    def handset(self) -> Handset:
        """A telephone for this Kannel's fake network; inside `with` it is reachable."""
        return Handset(self.network)

    def logs(self) -> str:
        """Everything that both wrote to their logs."""
        return "\n".join(
            file.read_text(errors="replace") for file in sorted(self.folder.glob("*.log"))
        )

    def spool(self) -> bytes:
        """Everything that waits in the spool."""
        kept = (file for file in sorted((self.folder / "spool").rglob("*")) if file.is_file())
        return b"\n".join(file.read_bytes() for file in kept)


@contextmanager
def running_kannel(
    folder: Path, *, inbound_url: str = "", smpp_port: int | None = None
) -> Iterator[Kannel]:
    """Kannel for as long as the block lasts."""
    kannel = Kannel(folder, inbound_url=inbound_url, smpp_port=smpp_port)
    try:
        kannel.start()
        yield kannel
    finally:
        kannel.stop()
