"""Commands that take what was typed as it was meant, or say why not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import click

_NAMED = 2  # of the names that were one too many


class _Context(click.Context):
    """Of a command that shows its help at either name; errors point to the first."""

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        settings.setdefault("help_option_names", ["--help", "-h"])
        super().__init__(*arguments, **settings)


class Command(click.Command):
    """A command that refuses an option given twice, where only the last one would count."""

    context_class = _Context

    def __init__(
        self, *arguments: Any, elsewhere: Mapping[str, str] | None = None, **settings: Any
    ) -> None:
        """``elsewhere``: options that other programs have, and what there is here instead."""
        super().__init__(*arguments, **settings)
        self._elsewhere = elsewhere or {}
        for kind in (each.type for each in self.params):
            if isinstance(kind, (click.IntRange, click.FloatRange)):  # "no valid float range"
                kind.name = "number" if isinstance(kind, click.FloatRange) else "whole number"

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """As click does, after a look at what was given; raises click.UsageError."""
        given, lenient = list(args), ctx.allow_extra_args
        if not ctx.resilient_parsing:
            _check_once(ctx, self._order(ctx, args))
        ctx.allow_extra_args = True
        rest = super().parse_args(ctx, args)
        ctx.allow_extra_args = lenient
        if rest and not (lenient or ctx.resilient_parsing):
            ctx.fail(_too_many(given, rest, self._last_argument()))
        return rest

    def _order(self, ctx: click.Context, args: list[str]) -> Sequence[click.Parameter]:
        """Options as they were given; raises NoSuchOption with what there is instead."""
        try:
            return self.make_parser(ctx).parse_args(list(args))[2]
        except click.NoSuchOption as error:
            if instead := self._elsewhere.get(error.option_name):
                message = f"There is no {error.option_name} here: {instead}."
                raise click.NoSuchOption(error.option_name, message, ctx=ctx) from error
            raise

    def _last_argument(self) -> str:
        """As the usage line calls what takes one value without an option; empty without one."""
        single = [
            each.metavar or str(each.name)
            for each in self.params
            if isinstance(each, click.Argument) and each.nargs == 1
        ]
        return single[-1] if single else ""


class Group(click.Group):
    """A command of such commands."""

    command_class = Command
    context_class = _Context


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


def _too_many(given: list[str], rest: list[str], argument: str) -> str:
    """What is one too many, and which value the shell may have made several of.

    Args:
        given: all words.
        rest: those that belong nowhere, at least one.
        argument: what takes one value without an option; empty if nothing does.
    """
    named = ", ".join(map(repr, rest[:_NAMED])) + (", ..." if len(rest) > _NAMED else "")
    before = given[: given.index(rest[0])][-2:]
    option = before[0] if len(before) == 2 and before[0].startswith("-") else argument
    if len(rest) == 1:
        hint = f": if the shell made it of a *, {option} takes one value" if option else ""
        return f"Got unexpected extra argument {named}{hint}"
    return (
        f"Got {len(rest)} unexpected extra arguments ({named}): if the shell made them of a *, "
        f"{option or 'an option'} takes one value"
        + ("" if option and option == argument else ", such as the folder itself")
    )
