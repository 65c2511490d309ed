"""Write the generated parts of docs/: `python -m docs.generate`.

A page holds a generated part between `<!-- generated: NAME -->` and `<!-- end -->`. PARTS makes the text of each.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from inspect import cleandoc
from pathlib import Path

import click

from schemas.faults import CODES
from service import config
from service.cli import main
from service.metrics.definitions import METRICS
from service.metrics.gauges import GAUGES

DOCS = Path(__file__).parent
_PART = re.compile(r"(?<=<!-- generated: )([a-z]+)( -->\n).*?(?=<!-- end -->)", re.DOTALL)


def pages() -> dict[Path, str]:
    """The text that each page with a generated part must have."""
    texts = {path: path.read_text() for path in sorted(DOCS.rglob("*.md"))}
    return {path: _PART.sub(lambda part: f"{part[1]}{part[2]}\n{PARTS[part[1]]()}\n", text) for path, text in texts.items()}


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    head = tuple(head)
    lines = [head, ("---",) * len(head), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def _settings() -> str:
    rows = []
    for name, field in config.SETTINGS.items():
        default = "" if name == "model" or field.load_default is None else f"`{field.load_default}`"
        rows.append((f"`{config.variable(name)}`", default, field.metadata["description"]))
    return _table(("variable", "default", "meaning"), rows)


def _metrics() -> str:
    rows = []
    for name, metric in METRICS.items():
        kind = "histogram" if metric.buckets else "gauge" if metric.gauge else "counter"
        rows.append((f"`{name}`", kind, ", ".join(metric.labels), metric.help))
    rows += [(f"`{name}`", "gauge", ", ".join(gauge.labels), gauge.help) for name, gauge in GAUGES.items()]
    return _table(("metric", "type", "labels", "meaning"), rows)


def _codes() -> str:
    return _table(("code", "detail"), ((f"`{code}`", detail) for code, detail in CODES.items()))


def _commands() -> str:
    return "\n".join(_command(path, command) for path, command in _walk("delivery-risk", main))


def _walk(path: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
    if isinstance(command, click.Group):
        for name, child in sorted(command.commands.items()):
            yield from _walk(f"{path} {name}", child)
    else:
        yield path, command


def _command(path: str, command: click.Command) -> str:
    arguments = [parameter for parameter in command.params if isinstance(parameter, click.Argument)]
    options = [parameter for parameter in command.params if isinstance(parameter, click.Option) and not parameter.hidden]
    usage = " ".join([path, *(_argument(each) for each in arguments)])
    text = f"### {path}\n\n```text\n{usage}\n```\n\n{cleandoc(command.help or '')}\n"
    return f"{text}\n{_table(('option', 'meaning'), map(_option, options))}" if options else text


def _argument(argument: click.Argument) -> str:
    name = argument.metavar or str(argument.name).upper()
    return name if argument.required else f"[{name}]"


def _option(option: click.Option) -> tuple[str, str]:
    value = "" if option.is_flag else f" {option.metavar or option.type.name.upper()}"
    notes = [
        option.help or "",
        f"One of {', '.join(f'`{each}`' for each in option.type.choices)}." if isinstance(option.type, click.Choice) else "",
        "Required." if option.required else "",
        f"[{option.default}]" if option.show_default else "",
    ]
    return f"`{option.opts[0]}{value}`", " ".join(filter(None, notes))


def _decisions() -> str:
    files = sorted((DOCS / "decisions").glob("[0-9]*.md"))
    titles = [(path.name, path.read_text().partition("\n")[0].removeprefix("# ")) for path in files]
    return "".join(f"- [{title}]({name})\n" for name, title in titles)


PARTS: dict[str, Callable[[], str]] = {
    "settings": _settings,
    "metrics": _metrics,
    "codes": _codes,
    "commands": _commands,
    "decisions": _decisions,
}

if __name__ == "__main__":
    for page, text in pages().items():
        page.write_text(text)
