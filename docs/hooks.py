"""Give the site the layout of the repository, so that a link between two files works in both.

MkDocs takes the files of docs/ alone, and calls them by their path below it. Here every file has its path from the root,
and the other files that pages link to are added. README.md is the first page.
"""

from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files, InclusionLevel

ROOT = Path(__file__).parents[1]
_TOP = ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "LICENSE")
_HIDDEN = {".py", ".pyc"}


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """The theme's own files, and the repository's under their paths from its root."""
    paths = [ROOT / name for name in _TOP]
    paths += [path for folder in ("docs", "deploy") for path in sorted((ROOT / folder).rglob("*")) if path.is_file()]
    wanted = [path for path in paths if path.suffix not in _HIDDEN]
    own = [File.generated(config, path.relative_to(ROOT).as_posix(), abs_src_path=str(path)) for path in wanted]
    for file in own:
        file.inclusion = InclusionLevel.INCLUDED
    docs = str(Path(config.docs_dir))
    return Files([*(file for file in files if not str(file.abs_src_path).startswith(docs)), *own])
