"""Settings: the environment variables of the service, validated all at once before anything starts."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from marshmallow import ValidationError, fields, validate, validates_schema

import model
from model.packaged import FILE_NAME
from schemas.decision_record import OMISSIBLE
from schemas.fields import Strict
from schemas.result import POLICIES, POLICIES_HELP
from service.setting_fields import MOST_HELD_OUT, Digest, Names, Network, Share, Whole, choice, pattern, whole
from service.ui_settings import UI_SETTINGS

PREFIX = "DELIVERY_RISK_"
_OF_GUNICORN = ("WEB_CONCURRENCY", "SCRIPT_NAME")
DEFAULT_MODEL = str(Path(model.__file__).with_name(FILE_NAME))
OWN_FILES = 64
"""Files that a worker may open beside its connections."""

MEMORY = Path("/dev/shm")  # noqa: S108


class SettingsError(Exception):
    """Invalid variables: `faults` maps the name of each to the reason, which does not repeat the value."""

    def __init__(self, faults: Mapping[str, str]) -> None:
        super().__init__("; ".join(f"{name}: {reason}" for name, reason in sorted(faults.items())))
        self.faults = faults


@dataclass(frozen=True, slots=True)
class Settings:
    """The typed values of the variables. SETTINGS has the defaults."""

    model: str
    model_sha256: str | None
    bind: str
    socket_mode: str
    workers: int
    threads: int
    max_orders: int
    max_explained: int
    max_body_bytes: int | None
    out_of_range: Literal["review", "flag", "refuse"]
    keepalive_seconds: int
    graceful_timeout_seconds: int
    max_concurrent: int
    request_timeout_seconds: int
    drain_file: str | None
    fast_lane: str
    log_level: str
    log_format: str
    log_probes: str
    log_client: str
    tokens_file: str | None
    decision_log: str | None
    decision_log_on_failure: Literal["refuse", "serve"]
    decision_log_sync: Literal["none", "request", "second"]
    decision_log_omit: tuple[str, ...]
    holdout: float | None
    holdout_key_file: str | None
    ui: str
    ui_key_file: str | None
    ui_user_header: str | None
    ui_user_header_from: tuple[Network, ...]
    ui_user_scopes: tuple[str, ...]
    ui_reports: str | None


_NEEDED = {
    "holdout": "holdout_key_file",
    "holdout_key_file": "holdout",
    "ui_user_header": "ui_user_header_from",
    "ui_user_header_from": "ui_user_header",
}
_PORT = "[0-9]{1,4}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]"
_ADDRESS = rf"([^:,\[\]]+|\[[0-9A-Fa-f:.]+(%[^\]]+)?\]):({_PORT})"
SETTINGS: dict[str, fields.Field[Any]] = {
    "model": pattern(DEFAULT_MODEL, r".+", "a path", "The model file, or a model registry. Default: the packaged model."),
    "model_sha256": pattern(
        None, r"[0-9a-f]{64}\Z", "64 hexadecimal digits", "Serve the model only if its file has this SHA-256.", Digest
    ),
    "bind": pattern(
        "127.0.0.1:8000",
        rf"(unix:.+|{_ADDRESS}(,{_ADDRESS})*)\Z",
        "HOST:PORT, with an IPv6 address in brackets ([::1]:8000), or unix:PATH",
        "The address to listen on: HOST:PORT, with an IPv6 address in brackets, or unix:PATH.",
    ),
    "socket_mode": pattern(
        "666",
        r"0?[0-7]{3}\Z",
        "three octal digits",
        "Permissions of a unix socket. Users who can write it can connect.",
    ),
    "workers": whole(2, 1, 64, "Worker processes. Default: WEB_CONCURRENCY, else 2."),
    "threads": whole(8, 1, 64, "Threads in each worker."),
    "max_orders": whole(10_000, 1, 1_000_000, "Orders in a batch, at most."),
    "max_explained": whole(
        2_500_000,
        1,
        10**12,
        "Orders times hidden units in a batch with explanations, at most. A unit counts once more for each hidden unit of the "
        "layers before its own; with changes an order counts four times more for each actionable input.",
    ),
    "max_body_bytes": whole(
        None, 1, 2**30, "Bytes in a request body, at most. Default: what the served model's largest batch can need."
    ),
    "out_of_range": choice("review", POLICIES, f"{POLICIES_HELP} ({', '.join(POLICIES)})."),
    "keepalive_seconds": whole(75, 1, 3600, "Seconds an idle connection is kept open."),
    "graceful_timeout_seconds": whole(30, 1, 3600, "Seconds a worker may take to finish its requests on shutdown."),
    "max_concurrent": whole(
        4, 1, 64, "Requests a worker computes at once. Must be less than its threads, which also answer probes."
    ),
    "request_timeout_seconds": whole(
        30, 1, 3600, "Seconds a request body may take to arrive, then its answer to be computed, then to be sent."
    ),
    "drain_file": pattern(
        None, r".+", "a path", "While this file exists, /readyz answers 503 and each connection is closed after its answer."
    ),
    "fast_lane": choice(
        "on", ("on", "off"), "Whether a valid batch is answered without Flask, with the same bytes in less time (on, off)."
    ),
    "log_level": choice("info", ("debug", "info", "warning", "error"), "The lowest level that is logged."),
    "log_format": choice("json", ("json", "text"), "Whether a log line is a JSON object or text."),
    "log_probes": choice("no", ("no", "yes"), "Whether probes and scrapes are logged where they succeed, too (no, yes)."),
    "log_client": choice(
        "no",
        ("no", "yes"),
        "Whether a log line has the client's address: that of the connection or, from a proxy that gunicorn trusts "
        "(FORWARDED_ALLOW_IPS), the last one in X-Forwarded-For (no, yes).",
    ),
    "tokens_file": pattern(
        None, r".+", "a path", "File with the tokens of callers, one on each line. Default: none, authentication is off."
    ),
    "decision_log": pattern(
        None, r".+", "a path", "Folder in which a record of each answered batch is kept. Default: none, no decision log."
    ),
    "decision_log_on_failure": choice(
        "refuse",
        ("refuse", "serve"),
        "Whether a batch whose record cannot be written is answered with 503 (refuse), or without a record (serve).",
    ),
    "decision_log_sync": choice(
        "none",
        ("none", "request", "second"),
        "When records are flushed to the disk: by the kernel (none), before each answer (request), or each second (second).",
    ),
    "decision_log_omit": Names(
        load_default=(),
        choices=OMISSIBLE,
        metadata={"description": f"What records leave out, separated by commas: {', '.join(OMISSIBLE)}. Default: nothing."},
    ),
    "holdout": Share(
        load_default=None,
        metadata={
            "description": "The share of orders that stay out of review, so that it is seen what happens to orders that nobody "
            f"acts on, at most {MOST_HELD_OUT}. Needs its key file. Default: none, no holdout."
        },
    ),
    "holdout_key_file": pattern(
        None, r".+", "a path", "File with the secret key, of at least 16 bytes, by which the orders of the holdout are chosen."
    ),
    **UI_SETTINGS,
}


def load(environ: Mapping[str, str]) -> Settings:
    """The settings in these variables. Raises SettingsError with every fault; a misspelt name is one."""
    given = {name: value for name, value in environ.items() if name.startswith(PREFIX) or name in _OF_GUNICORN}
    try:
        found = _schema.load(given)
    except ValidationError as error:
        raise SettingsError({name: reasons[0] for name, reasons in error.messages_dict.items()}) from None
    found.pop("script_name", None)
    inherited = found.pop("web_concurrency", found["workers"])
    return Settings(**found if variable("workers") in given else found | {"workers": inherited})


def heartbeats() -> str | None:
    """The directory in which workers show that they are alive: in memory, if possible; None means that of temporary files."""
    return str(MEMORY) if MEMORY.is_dir() else None


def variable(name: str) -> str:
    """The environment variable of a setting."""
    return PREFIX + name.upper()


class _Settings(Strict):
    error_messages = {"unknown": "not a setting of this service"}
    script_name = fields.String(
        data_key="SCRIPT_NAME", validate=validate.Equal("", error="must not be set: the service is not mounted below a prefix")
    )
    # gunicorn reads it when it is imported, so it must be valid even if the setting overrides it.
    web_concurrency = Whole(data_key="WEB_CONCURRENCY", validate=SETTINGS["workers"].validate)

    @validates_schema(pass_original=True, skip_on_field_errors=False)
    def leave_a_thread(self, found: Mapping[str, Any], given: Mapping[str, str], **kwargs: Any) -> None:
        """If requests could take all threads, no probe would be answered. The faults are of the variables that are set."""
        if found.get("max_concurrent", 0) >= found.get("threads", math.inf):
            faults = {}
            for name, comparison, other in (("max_concurrent", "less", "threads"), ("threads", "more", "max_concurrent")):
                default = "" if variable(other) in given else f" ({SETTINGS[other].load_default} by default)"
                if variable(name) in given:
                    faults[variable(name)] = [f"expected {comparison} than {variable(other)}{default}"]
            raise ValidationError(faults)

    @validates_schema(pass_original=True, skip_on_field_errors=False)
    def beside_others(self, found: Mapping[str, Any], given: Mapping[str, str], **kwargs: Any) -> None:
        """The fault is of the variable that is set and that needs another one."""
        for name, other in _NEEDED.items():
            if variable(name) in given and variable(other) not in given:
                raise ValidationError({variable(name): [f"expected {variable(other)} beside it"]})
        people = {variable("tokens_file"), variable("ui_user_header")}
        if found.get("ui") == "on" and people & given.keys() and variable("ui_key_file") not in given:
            raise ValidationError({variable("ui"): [f"expected {variable('ui_key_file')} beside it, since people sign in"]})


for _name, _field in SETTINGS.items():
    _field.data_key = variable(_name)
_schema = _Settings.from_dict(SETTINGS, name="Settings")()
