"""Written report: a file that `evaluate --report` has written, read back to be shown, with the policy under which it may be.

The folder may have other pages, and anybody who may write there could add some: a page is a report if its head says what
made it. Its policy allows its own style sheet, and neither scripts, forms nor other resources. A policy without a sandbox does
not keep a page from leaving for another one by itself: a page with a <meta> that reports do not have is none. So a page that
only looks like a report can do nothing else either.
"""

import os
import re
from dataclasses import dataclass
from pathlib import Path

from model import files
from model.errors import ModelError
from service.offline.evaluation.report import GENERATOR, style_source

ENDING = ".html"
LIMIT = 32 * 2**20
_HEAD_LENGTH = 1000
_GENERATOR = f'<meta name="generator" content="{GENERATOR}">'
_POLICY = "default-src 'none'; img-src data:; style-src '{}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
_META = re.compile(r"<meta[\s/>]", re.IGNORECASE)
_KNOWN_META = re.compile(
    r'<meta (?:charset="[^"<>]*"|(?:name="[a-z]+"|http-equiv="Content-Security-Policy") content="[^"<>]*")>'
)
_STYLE = re.compile(r"<style>([^<]*)</style>")


class NoReport(Exception):
    """There is no report to show. The message says why and what to do."""


@dataclass(frozen=True, slots=True)
class WrittenReport:
    """The `content` of a report, when the file was `written`, in seconds since 1970, and its Content-Security-Policy."""

    content: str
    written: float
    policy: str


def newest(folder: str) -> WrittenReport:
    """The report in the HTML file of this folder that was written last. Raises NoReport."""
    try:
        with os.scandir(folder) as entries:
            found = [(each.stat().st_mtime, each.path) for each in entries if _is_page(each)]
    except OSError as error:
        raise NoReport(
            f"The folder of reports cannot be read ({error.strerror}). Check the setting and its permissions."
        ) from None
    if not found:
        raise NoReport(f"The folder of reports has no {ENDING} file. Write one there with `delivery-risk evaluate --report`.")
    written, path = max(found)
    return _read(Path(path), written)


def _is_page(entry: "os.DirEntry[str]") -> bool:
    return entry.name.lower().endswith(ENDING) and entry.is_file()


def _read(path: Path, written: float) -> WrittenReport:
    try:
        content = files.read(path, LIMIT).decode()
    except ModelError as error:
        raise NoReport(f"The newest {ENDING} file of the folder of reports is not shown: {error.reason}.") from None
    except UnicodeDecodeError:
        content = ""
    styles = _STYLE.findall(content)
    known = len(_META.findall(content)) == len(_KNOWN_META.findall(content))
    if _GENERATOR not in content[:_HEAD_LENGTH] or len(styles) != 1 or not known:
        raise NoReport(
            f"The newest {ENDING} file of the folder of reports is not a report of this version's `delivery-risk evaluate`. "
            "Write a report there, or move the file elsewhere."
        )
    return WrittenReport(content, written, _POLICY.format(style_source(styles[0])))
