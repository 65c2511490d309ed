"""delivery-risk bulk check: whether results are as recorded, and which order ids several of their files have."""

from typing import TYPE_CHECKING

import click

from service.cli.bulk.errors import errors
from service.cli.loading import plain

if TYPE_CHECKING:
    from service.bulk.id_table import Repeats
    from service.bulk.part import Part


@click.command()
@click.argument("out", metavar="OUT")
@click.option("--id", "column", metavar="COLUMN", help="The column of order ids. [the one that they were scored with]")
@click.option("--jobs", type=click.IntRange(1, 256), default=1, metavar="N", help="Read N files at a time, each in a thread.")
def check(out: str, column: str | None, jobs: int) -> None:
    """Compare all files of OUT with their records, and their order ids with each other.

    OUT is the folder or URL of results of `delivery-risk bulk`. Each file must have its recorded size and SHA-256, and
    _SUCCESS.json must agree with the records. Then the ids of all files that are as recorded are compared on disk: TMPDIR needs
    about 20 bytes an id, and 1 GB.

    Exits 0 if all is right, 1 if files differ or ids are repeated, 2 if it cannot be checked.
    """
    with errors():
        from service.bulk.check import check as compare
        from service.bulk.compare_ids import compare_ids
        from service.bulk.place import Place

        target = Place(out)
        checked = compare(target, jobs)
        for each in checked.differences:
            click.echo(f"{plain(each.name)}: {each.reason}.")
        repeats = compare_ids(target, checked.parts, column, jobs)
    _print(repeats, checked.parts)
    click.echo(
        f"{len(checked.parts)} parts are as recorded, with {repeats.ids} ids; {len(checked.differences)} differences, "
        f"{repeats.repeated} repeated ids.",
        err=True,
    )
    click.get_current_context().exit(1 if checked.differences or repeats.repeated else 0)


def _print(repeats: "Repeats", parts: "list[Part]") -> None:
    for each in repeats.first:
        places = ", ".join(f"{parts[number].name} {row}" for number, row in each.places)
        more = ", …" if each.times > len(each.places) else ""
        click.echo(plain(f"The id {each.id} occurs {each.times} times: {places}{more}") + ".")
    if repeats.repeated > len(repeats.first):
        click.echo(f"{repeats.repeated - len(repeats.first)} more ids are repeated.")
