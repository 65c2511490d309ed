"""Machine: what the service takes from where it runs: an address, room for files and counts, cores, and a clock."""

import errno
import http.client
import json
import os
import resource
import socket
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from model.artifact.checks import TIME
from service.cli.doctor.finding import Finding, Patient, fail, ok, warn
from service.config import heartbeats, variable
from service.serving.worker_state import RoleState, WorkerState, WorkerStates
from service.shared.counters import SharedCounters

_PROC = Path("/proc")
_QUOTA = Path("/sys/fs/cgroup/cpu.max")
_LISTENING = "0A"  # of the kernel's tcp_states.h
_PROBE_SECONDS = 2.0
_OWN_FILES = 64  # of a worker, beside its connections
_CONNECTIONS = 1000  # gunicorn's worker_connections
_LONGEST_SOCKET = 107  # of a path, in bytes, by Linux
_DAY = 86_400
_YEARS = 50 * 365 * _DAY
_BIND = variable("bind")
_NAME = "delivery-risk"
_PROBLEM = f"urn:{_NAME}:problem:"


def bind(patient: Patient) -> Iterator[Finding]:
    """The address is free, or this service has it already."""
    address = patient.settings.bind
    yield _unix(address.removeprefix("unix:")) if address.startswith("unix:") else _tcp(address)


def _tcp(address: str) -> Finding:
    name, _, port = address.rpartition(":")
    host = name.strip("[]")
    if int(port) >= 2**16:
        return fail(f"{address}: no port has such a number", f"set {_BIND} to another address")
    try:
        family, kind, protocol, _, place = socket.getaddrinfo(host, int(port), type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(place)
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            advice = f"set {_BIND} to an address of this machine that is allowed"
            return fail(f"{address}: cannot be bound ({error.strerror})", advice)
        answering = _service(host, int(port))
        if answering is not None:
            return warn(f"{address}: {answering} answers there already", "a second service needs another address")
        return fail(f"{address}: in use by {_holder(int(port))}", f"end that, or set {_BIND} to another address")
    return ok(f"{address} is free")


def _unix(path: str) -> Finding:
    try:
        if not stat.S_ISSOCK(os.stat(path).st_mode):
            return fail(f"unix:{path}: another file stands there", f"remove it, or set {_BIND} to another path")
        with socket.socket(socket.AF_UNIX) as caller:
            caller.connect(path)
        return warn(f"unix:{path}: somebody answers there already", "a second service needs another path")
    except (FileNotFoundError, ConnectionRefusedError) as error:
        if len(os.fsencode(path)) > _LONGEST_SOCKET:
            return fail(f"unix:{path}: longer than {_LONGEST_SOCKET} bytes", f"set {_BIND} to a shorter path")
        folder = os.path.dirname(path) or "."
        if not (os.path.isdir(folder) and os.access(folder, os.W_OK)):
            return fail(f"unix:{path}: its directory cannot be written", f"make it writable, or set {_BIND} to another path")
        free = isinstance(error, FileNotFoundError)
        return ok(f"unix:{path} is free" if free else f"unix:{path} was left behind and can be taken over")
    except OSError as error:
        return fail(f"unix:{path}: cannot be bound ({error.strerror or error})", f"set {_BIND} to another path")


def _service(host: str, port: int) -> str | None:
    """What of this service answers there, if it does; one that asks for a token tells itself by the refusal alone."""
    connection = http.client.HTTPConnection(host or "127.0.0.1", port, timeout=_PROBE_SECONDS)
    try:
        connection.request("GET", "/version")
        answer = json.loads(connection.getresponse().read(4096))
        if str(answer.get("type")).startswith(_PROBLEM):
            return _NAME
        return f"{_NAME} {answer['service_version']}"
    except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError, AttributeError):
        return None
    finally:
        connection.close()


def _holder(port: int) -> str:
    """The process that listens on a port, as far as this one may see."""
    lines = [line.split() for name in ("tcp", "tcp6") for line in _read(_PROC / "net" / name).splitlines()[1:]]
    held = {f"socket:[{line[9]}]" for line in lines if line[3] == _LISTENING and int(line[1].rpartition(":")[2], 16) == port}
    for link in _PROC.glob("[0-9]*/fd/*"):
        with suppress(OSError):
            if os.readlink(link) in held:
                return f"process {link.parts[-3]} ({_read(link.parents[1] / 'comm').strip()})"
    return "a process that cannot be seen from here"


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


def temporary(_: Patient) -> Iterator[Finding]:
    """Workers keep a file by which the master sees that they live: in memory where there is such a place."""
    folder = heartbeats()
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(bytes(4096))
            file.flush()
        yield ok(f"{folder or tempfile.gettempdir()} can be written")
    except OSError as error:
        place, advice = (f"{folder}: ", "let it be written") if folder else ("", "mount a tmpfs at /tmp, or set TMPDIR")
        yield fail(f"{place}no temporary file can be written ({error.strerror})", advice)


def memory(_: Patient) -> Iterator[Finding]:
    """The counts of all workers find room in shared memory."""
    try:
        counters, worker_states = SharedCounters(), WorkerStates()
        counters.series(("doctor",), 1)[0] += 1
        worker_states.write(0, WorkerState({"doctor": RoleState()}))
        kept = counters.totals()[("doctor",)][0] == 1 and [*worker_states.all()] == [WorkerState({"doctor": RoleState()})]
    except OSError as error:
        yield fail(
            f"no memory can be shared ({error.strerror})", "allow this process more address space (ulimit -v, overcommit)"
        )
        return
    yield (
        ok("shared memory can be mapped")
        if kept
        else fail("shared memory does not keep what is written", "report this machine")
    )


def descriptors(patient: Patient) -> Iterator[Finding]:
    """A worker may open as many files as it has connections."""
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    found = f"{limit} files may be open in a process"
    if limit == resource.RLIM_INFINITY:
        yield ok("any number of files may be open in a process")
    elif limit < _OWN_FILES + patient.settings.threads:
        yield fail(f"{found}, fewer than a worker needs", f"raise it (ulimit -n) to {_OWN_FILES + _CONNECTIONS} or more")
    elif limit < _CONNECTIONS:
        yield warn(f"{found}, so a worker holds no more connections than that", f"raise it (ulimit -n) over {_CONNECTIONS}")
    else:
        yield ok(found)


def cores(patient: Patient) -> Iterator[Finding]:
    """Workers are not far more than what they run on."""
    count = float(len(os.sched_getaffinity(0)))
    quota, _, period = _read(_QUOTA).partition(" ")
    if quota.isdigit() and int(period) > 0:
        count = min(count, int(quota) / int(period))
    found = f"{patient.settings.workers} workers for {count:g} cores"
    if patient.settings.workers > 2 * count + 1:
        yield warn(found, f"set {variable('workers')} to about the number of cores")
    else:
        yield ok(found)


def clock(_: Patient) -> Iterator[Finding]:
    """The time is not before this was installed, nor far behind it."""
    now, installed = time.time(), Path(__file__).stat().st_mtime
    said = _time(now)
    if installed - _DAY <= now <= installed + _YEARS:
        yield ok(said)
    else:
        yield fail(f"{said}, but this was installed at {_time(installed)}", "set the clock")


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime(TIME)
