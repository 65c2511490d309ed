"""The settings of the pages for people."""

from typing import Any

from marshmallow import fields

from service.setting_fields import Names, Networks, choice, pattern

USER_SCOPES = ("score", "read", "audit")

_OF_BROWSERS = ("authorization", "proxy-authorization", "cookie", "host", "origin", "referer", "user-agent")
"""With one of these as the user, everybody behind the proxy would be let in, and the log would have what it holds."""

UI_SETTINGS: dict[str, fields.Field[Any]] = {
    "ui": choice("off", ("off", "on"), "Whether /ui has pages for people (off, on)."),
    "ui_key_file": pattern(
        None,
        r".+",
        "a path",
        "File with the secret key, of at least 16 bytes, that signs the sessions and forms of /ui. All instances of a service "
        "need the same. Needed where people sign in; otherwise each start makes a key of its own.",
    ),
    "ui_user_header": pattern(
        None,
        rf"(?ia:(?!({'|'.join(_OF_BROWSERS)})\Z)[a-z][a-z0-9-]{{0,63}})\Z",
        "the name of a header that browsers do not send",
        "The header in which a proxy with a login of its own sends the user of /ui, such as X-Forwarded-User. Default: none.",
    ),
    "ui_user_header_from": Networks(
        load_default=(),
        metadata={
            "description": "The proxies whose ui_user_header counts: addresses or networks, or `unix` for connections through "
            "a Unix socket, separated by commas."
        },
    ),
    "ui_user_scopes": Names(
        load_default=("score", "read"),
        choices=USER_SCOPES,
        metadata={"description": f"What users of a proxy may see of /ui: {', '.join(USER_SCOPES)}, separated by commas."},
    ),
    "ui_reports": pattern(
        None, r".+", "a path", "Folder with reports of `evaluate --report`, the newest of which /ui shows. Default: none."
    ),
}
