"""What the service needs of its machine: an address, temporary files, shared memory, file descriptors, cores and a clock."""

import errno
import http.client
import json
import os
import resource
import socket
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from model.artifact.checks import TIME
from service.cli.doctor.finding import Finding, Installation, fail, ok, warn
from service.config import OWN_FILES, heartbeats, variable
from service.serving.worker_state import WorkerStates
from service.shared.counters import SharedCounters

_QUOTA = Path("/sys/fs/cgroup/cpu.max")
_PROBE_SECONDS = 2.0
_FEWEST_FILES = 256
_CONNECTIONS = 1000  # gunicorn's worker_connections
_DAY = 86_400
_YEARS = 50 * 365 * _DAY
_SET_BIND = f"set {variable('bind')} to another"
_NAME = "delivery-risk"
_MORE_FILES = "remove files from it, or mount it with more space and inodes (nr_inodes)"


def bind(installation: Installation) -> list[Finding]:
    """The address is free, or this service has it already."""
    address = installation.settings.bind
    return [_unix(address, address.removeprefix("unix:")) if address.startswith("unix:") else _tcp(address)]


def _tcp(address: str) -> Finding:
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    try:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((host, int(port)))
    except OSError as error:
        if (host, error.errno) == ("::", errno.EAFNOSUPPORT):  # as the service does on a machine without IPv6
            return _tcp(f"0.0.0.0:{port}")
        if error.errno != errno.EADDRINUSE:
            return fail(f"{address}: cannot be bound ({error.strerror})", f"{_SET_BIND} address, one of this machine")
        service = _answering_service(host, int(port))
        if service is not None:
            return warn(f"{address}: {service} answers there already", "a second service needs another address")
        return fail(f"{address}: in use by another process", f"stop that process, or {_SET_BIND} address")
    return ok(f"{address} is free")


def _unix(address: str, path: str) -> Finding:
    try:
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(path)
        return warn(f"{address}: a process answers there already", "a second service needs another path")
    except (FileNotFoundError, ConnectionRefusedError):
        exists = os.path.exists(path)
        if exists and not Path(path).is_socket():
            return fail(f"{address}: another file has this path", f"remove it, or {_SET_BIND} path")
        if not os.access(os.path.dirname(path) or ".", os.W_OK):
            return fail(f"{address}: its directory is not writable", f"make it writable, or {_SET_BIND} path")
        return ok(f"{address} {'is left over and can be replaced' if exists else 'is free'}")
    except OSError as error:
        return fail(f"{address}: cannot be bound ({error.strerror or error})", f"{_SET_BIND} path")


def _answering_service(host: str, port: int) -> str | None:
    """The service that answers there, if it is this one; if it requires a token, its error identifies it."""
    connection = http.client.HTTPConnection(host or "127.0.0.1", port, timeout=_PROBE_SECONDS)
    try:
        connection.request("GET", "/version")
        answer = json.loads(connection.getresponse().read(4096))
        rejected = str(answer.get("type")).startswith(f"urn:{_NAME}:problem:")
        return _NAME if rejected else f"{_NAME} {answer['service_version']}"
    except (OSError, http.client.HTTPException, ValueError, KeyError, AttributeError):
        return None
    finally:
        connection.close()


def temporary(installation: Installation) -> list[Finding]:
    """A worker can write the file by which the master sees that it is alive: in memory, if possible."""
    folder = heartbeats()
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(bytes(4096))
            file.flush()
    except OSError as error:
        where, advice = (f"{folder}: ", "make it writable") if folder else ("", "mount a tmpfs at /tmp, or set TMPDIR")
        if error.errno == errno.ENOSPC:
            where, advice = f"{folder or tempfile.gettempdir()}: ", _MORE_FILES
        return [fail(f"{where}no temporary file can be written ({error.strerror})", advice)]
    folder = folder or tempfile.gettempdir()
    system, workers = os.statvfs(folder), installation.settings.workers
    if system.f_files and system.f_favail < workers:  # 0 where the file system does not limit them
        return [warn(f"{folder}: room for {system.f_favail} more files, fewer than {workers} workers need", _MORE_FILES)]
    return [ok(f"{folder} is writable")]


def memory(_: Installation) -> list[Finding]:
    """The metrics and states of all workers can be kept in shared memory."""
    try:
        SharedCounters(), WorkerStates()
    except OSError as error:
        advice = "allow this process more address space (ulimit -v, overcommit)"
        return [fail(f"no memory can be shared ({error.strerror})", advice)]
    return [ok("shared memory can be mapped")]


def descriptors(_: Installation) -> list[Finding]:
    """A worker may open as many files as it may have connections."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    found, advice = f"a process may open {limit} files", f"raise the limit (ulimit -n) to {OWN_FILES + _CONNECTIONS} or more"
    if limit == resource.RLIM_INFINITY:
        return [ok("a process may open any number of files")]
    if limit < _FEWEST_FILES:
        return [fail(f"{found}, fewer than a worker needs", advice)]
    return [ok(found) if limit >= _CONNECTIONS else warn(f"{found}, which limits a worker's connections", advice)]


def cores(installation: Installation) -> list[Finding]:
    """There are not far more workers than cores."""
    count = float(len(os.sched_getaffinity(0)))
    quota, _, period = (_QUOTA.read_text() if _QUOTA.exists() else "").partition(" ")
    if quota.isdigit() and int(period) > 0:
        count = min(count, int(quota) / int(period))
    found, advice = f"{installation.settings.workers} workers for {count:g} cores", "to about the number of cores"
    few = installation.settings.workers <= 2 * count + 1
    return [ok(found) if few else warn(found, f"set {variable('workers')} {advice}")]


def clock(_: Installation) -> list[Finding]:
    """The time is not before the installation, nor 50 years after it."""
    now, installed = time.time(), Path(__file__).stat().st_mtime
    found, then = (datetime.fromtimestamp(each, UTC).strftime(TIME) for each in (now, installed))
    if installed - _DAY <= now <= installed + _YEARS:
        return [ok(found)]
    return [fail(f"{found}, but the service was installed at {then}", "set the clock")]
