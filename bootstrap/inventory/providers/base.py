"""What a provider adds to an inventory: its own block, its images and machines, and checks of its own."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from bootstrap.inventory.problem import Finding, Loc
from bootstrap.inventory.schema.block import Block

if TYPE_CHECKING:
    from bootstrap.inventory.draft import Draft


@dataclass(frozen=True)
class Range:
    """Addresses that are taken: by whom, and where in the file that stands (nowhere for what nobody can change)."""

    cidr: str
    owner: str
    loc: Loc | None = None


class InventoryProvider:
    """Override what differs. Class attributes are the tables, methods what needs the whole file."""

    name: ClassVar[str]
    summary: ClassVar[str]  # for the JSON schema
    block: ClassVar[type[Block]]
    starter: ClassVar[str]
    built: ClassVar[bool] = False  # whether this version makes machines there, or checks the file only

    families: ClassVar[tuple[str, ...]] = ()
    default_image: ClassVar[str | None] = None
    image_id: ClassVar[str | None] = None  # a pattern, besides the families
    machine_type: ClassVar[str | None] = None  # a pattern
    default_machine: ClassVar[str | None] = None
    by_hosts: ClassVar[bool] = False  # groups are made of hosts that the file lists
    idle: ClassVar[frozenset[str]] = frozenset()  # keys of managers, pools, hosts that have no effect here
    user_data_limit: ClassVar[int | None] = None  # bytes, after compression

    def zones(self, draft: Draft) -> tuple[str, ...]:
        """The short names of the zones, in the file's order."""
        raise NotImplementedError

    def settings(self, block: Block) -> Block:
        """`Cluster.settings`: the block as written, with names made short."""
        return block

    def check(self, draft: Draft) -> Iterator[Finding]:  # noqa: ARG002 - for those who override it
        """What is wrong with this provider's block, and with the groups on its account."""
        yield from ()

    def ranges(self, draft: Draft) -> Iterator[Range]:  # noqa: ARG002 - likewise
        """Addresses that overlay networks must keep away from."""
        yield from ()

    def known_image(self, image: str) -> bool:
        """Whether the image may be written so."""
        return image in self.families or bool(self.image_id and re.fullmatch(self.image_id, image))
