"""The files of a run: those of a folder, those that a pattern matches, or one file."""

import fnmatch
import os
import re
from collections.abc import Sequence

from service.bulk.errors import BulkError
from service.bulk.part import MADE_BY, PARTS, REJECTS, SUCCESS, record_name, rejects_name
from service.bulk.place import DRAFTS, Found, Place, is_hidden, shown

_WILD = re.compile(r"[*?\[]")
_TOKENS = re.compile(r"(?:(?<=/)|^)\*\*/|\*\*|\*|\?|\[!?\]?[^/\]]*\]|.", re.DOTALL)
_MEANINGS = {"**/": "(?:[^/]+/)*", "**": ".*", "*": "[^/]*", "?": "[^/]"}
_NO_STEPS = {"", ".", ".."}
_RESERVED = (PARTS, REJECTS, DRAFTS)


class Source:
    """The files of orders at a path or a URL of a folder, of one file, or with a pattern such as orders/2026-*/**.parquet.

    Their names are below the place at `url`: the folder, that of the file, or what is before the pattern.
    """

    def __init__(self, url: str) -> None:
        path, mark, query = url.partition("?") if "://" in url else (url, "", "")
        if mark and "=" not in query:
            raise BulkError(f"{shown(url)}?: ? begins the options of a store; use * or [...] in a pattern")
        self._pattern: re.Pattern[str] | None = None
        if os.path.isfile(path):
            path, name = os.path.split(os.path.realpath(path))
            self._pattern = re.compile(re.escape(name))
        elif _WILD.search(path) and not os.path.isdir(path):
            steps = path.split("/")
            first = next(at for at, step in enumerate(steps) if _WILD.search(step))
            path, self._pattern = "/".join(steps[:first]), _compiled("/".join(steps[first:]))
            path = path or ("/" if first else ".")
        self.url, self._shown = f"{path}{mark}{query}", shown(url)

    def files(self, place: Place) -> list[Found]:
        """The files of the place at `url`, by name. Raises BulkError.

        Without a pattern, files and folders whose names begin with _ or . are left out.
        """
        found = [each for each in place.files() if self._takes(each.name)]
        if not found:
            raise BulkError(f"{self._shown}: there are no files of orders")
        return found

    def meets(self, place: Place, target: Place, files: Sequence[Found]) -> bool:
        """Whether the files below `target`, of the same names as these, would be files of a later run, or the reverse."""
        below = place.below(target)
        if self._pattern is None or below is None:
            return below is not None or target.below(place) is not None
        names = [SUCCESS, MADE_BY, *(of(file.name) for file in files for of in (str, rejects_name, record_name))]
        return below == "" or any(self._pattern.fullmatch(f"{below}/{name}") for name in names)

    def _takes(self, name: str) -> bool:
        steps = name.split("/")
        unusable = not _NO_STEPS.isdisjoint(steps)
        taken = unusable or not is_hidden(name) if self._pattern is None else self._pattern.fullmatch(name) is not None
        if taken and unusable:
            raise BulkError(f"{self._shown}: a name must not begin with / or contain //, /./ or /../; rename {name!r}")
        if taken and steps[0] in _RESERVED:
            raise BulkError(f"{self._shown}: {steps[0]} is a folder of results; give a pattern that leaves it out")
        return taken


def _compiled(pattern: str) -> re.Pattern[str]:
    """A pattern of file names: * and ? are within a step, ** is any number of steps."""
    return re.compile("".join(map(_meaning, _TOKENS.findall(pattern))), re.DOTALL)


def _meaning(token: str) -> str:
    if len(token) > 1 and token[0] == "[":
        return f"(?!/){fnmatch.translate(token)[:-2]}"  # without \Z
    return _MEANINGS.get(token) or re.escape(token)
