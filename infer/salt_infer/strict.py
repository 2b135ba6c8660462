"""Commands that take what was typed as it was meant, or say why not."""

from __future__ import annotations

from collections.abc import Sequence

import click

_NAMED = 2  # of the names that were one too many


class Command(click.Command):
    """A command that refuses an option given twice, where only the last one would count."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """As click does, after a look at what was given; raises click.UsageError."""
        given, lenient = list(args), ctx.allow_extra_args
        if not ctx.resilient_parsing:
            _, _, order = self.make_parser(ctx).parse_args(list(args))
            _check_once(ctx, order)
        ctx.allow_extra_args = True
        rest = super().parse_args(ctx, args)
        ctx.allow_extra_args = lenient
        if rest and not (lenient or ctx.resilient_parsing):
            ctx.fail(_too_many(given, rest))
        return rest


class Group(click.Group):
    """A command of such commands."""

    command_class = Command


def _check_once(context: click.Context, order: Sequence[click.Parameter]) -> None:
    """Each option once, but for those that collect, and flags that only say the same again."""
    seen: set[str | None] = set()
    for option in order:
        if not isinstance(option, click.Option) or option.multiple or option.count:
            continue
        if option.is_flag and not option.secondary_opts:
            continue
        if option.name in seen:
            names = " or ".join([*option.opts, *option.secondary_opts])
            context.fail(f"{names} is given more than once, expected once at most")
        seen.add(option.name)


def _too_many(given: list[str], rest: list[str]) -> str:
    named = ", ".join(map(repr, rest[:_NAMED])) + (", ..." if len(rest) > _NAMED else "")
    if len(rest) == 1:
        return f"Got unexpected extra argument {named}"
    before = given[: given.index(rest[0])][-2:]
    option = before[0] if len(before) == 2 and before[0].startswith("-") else "an option"
    return (
        f"Got {len(rest)} unexpected extra arguments ({named}): if the shell made them of a *, "
        f"{option} takes one value, such as the folder itself"
    )
