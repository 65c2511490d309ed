"""gunicorn's settings: which of them this service carries out; for the others, what to use instead.

A setting in neither table is rejected too: it is newer than this version of the service.
"""

CARRIED_OUT = frozenset(
    (
        # what only gunicorn's own command reads; `delivery-risk serve` rejects it in `overrides`
        *("config", "wsgi_app", "chdir", "pythonpath", "check_config", "print_config", "default_proc_name"),
        # addresses, processes and limits
        *("bind", "backlog", "reuse_port", "workers", "threads", "worker_connections", "worker_tmp_dir", "umask"),
        *("max_requests", "max_requests_jitter", "timeout", "graceful_timeout", "keepalive"),
        *("limit_request_line", "limit_request_fields", "limit_request_field_size"),
        *("pidfile", "user", "group", "initgroups", "proc_name", "sendfile"),
        # proxies and TLS
        *("forwarded_allow_ips", "secure_scheme_headers", "proxy_protocol", "proxy_allow_ips"),
        *("keyfile", "certfile", "cert_reqs", "ca_certs", "ciphers", "ssl_context"),
        *("suppress_ragged_eofs", "do_handshake_on_connect"),
        # hooks: one that replaces a hook of the service must call it, see `options` in service.wsgi
        *("on_starting", "on_reload", "when_ready", "pre_fork", "post_fork", "post_worker_init", "worker_int", "worker_abort"),
        *("pre_exec", "pre_request", "post_request", "child_exit", "worker_exit", "nworkers_changed", "on_exit"),
    )
)

_LOG = "the service writes the whole log to standard output and standard error; redirect these"
_ACCESS = "the service logs each request by itself"
_METRICS = "have a collector read /metrics"
_FRAMING = "the service accepts only requests that can be read in one way"
_FRONT = "the service speaks HTTP/1.1 alone; use a proxy in front, such as deploy/nginx"
_SHARED = "the workers share what the master has loaded; restart the service, a new model version needs no restart"
_UNUSED = "the service's worker does not use it"

INSTEAD = {
    "worker_class": "the service's own worker keeps tokens out of the log",
    "loglevel": "set DELIVERY_RISK_LOG_LEVEL",
    **dict.fromkeys(("accesslog", "access_log_format", "disable_redirect_access_to_syslog"), _ACCESS),
    "logger_class": "the service's own logger keeps tokens out of the log",
    **dict.fromkeys(("errorlog", "capture_output", "logconfig", "logconfig_dict", "logconfig_json"), _LOG),
    **dict.fromkeys(("syslog", "syslog_addr", "syslog_prefix", "syslog_facility"), _LOG),
    **dict.fromkeys(("statsd_host", "statsd_prefix", "dogstatsd_tags", "enable_backlog_metric"), _METRICS),
    **dict.fromkeys(("daemon", "enable_stdio_inheritance"), "run it under a service manager, see deploy/systemd"),
    "spew": "it would write tokens to the log",
    "raw_env": "set the variables in the environment of gunicorn, which are read before it applies this",
    **dict.fromkeys(("reload", "reload_engine", "reload_extra_files", "preload_app"), _SHARED),
    **dict.fromkeys(("paste", "raw_paste_global_conf"), "the application is service.wsgi:app"),
    "http_parser": "gunicorn's parsers differ in what they accept, and the service is tested with python",
    **dict.fromkeys(("permit_obsolete_folding", "strip_header_spaces", "permit_unconventional_http_method"), _FRAMING),
    **dict.fromkeys(("permit_unconventional_http_version", "casefold_http_method", "header_map"), _FRAMING),
    **dict.fromkeys(("forwarder_headers", "root_path"), "the service is not mounted below a prefix"),
    **dict.fromkeys(("protocol", "uwsgi_allow_ips", "http_protocols", "http2_cleartext"), _FRONT),
    **dict.fromkeys(("http2_max_concurrent_streams", "http2_initial_window_size", "http2_max_frame_size"), _FRONT),
    "http2_max_header_list_size": _FRONT,
    "ssl_version": "gunicorn ignores it; use ssl_context",
    "tmp_upload_dir": "gunicorn ignores it",
    **dict.fromkeys(("control_socket", "control_socket_mode", "control_socket_disable"), "send signals to the master"),
    **dict.fromkeys(("asgi_loop", "asgi_lifespan", "asgi_disconnect_grace_period", "websocket_max_message_size"), _UNUSED),
    **dict.fromkeys(("dirty_apps", "dirty_workers", "dirty_timeout", "dirty_threads", "dirty_graceful_timeout"), _UNUSED),
    **dict.fromkeys(("on_dirty_starting", "dirty_post_fork", "dirty_worker_init", "dirty_worker_exit"), _UNUSED),
}
"""What the error says behind `cannot be changed`, by gunicorn's name of the setting."""
