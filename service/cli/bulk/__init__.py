"""delivery-risk bulk: score many files of orders, and check their results."""

import click

from service.cli.bulk import check, run


class _RunByDefault(click.Group):
    """A group whose command `run` needs no name."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Name the command that these arguments leave out."""
        named = not args or args[0] in (*self.commands, *ctx.help_option_names)
        return super().parse_args(ctx, args if named else ["run", *args])


@click.group(cls=_RunByDefault)
def bulk() -> None:
    """Score many files of orders, of folders or object stores. `bulk IN OUT` is short for `bulk run IN OUT`."""


bulk.add_command(run.run)
bulk.add_command(check.check)
