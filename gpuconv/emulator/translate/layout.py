"""State shared by the basic blocks of a kernel: register offsets, variable addresses, helpers, sites."""

from collections.abc import Callable

from ..errors import Location
from ..ptx import Instruction
from ..runtime import state as s


class Layout:
    """Offsets of registers, addresses of variables, and the runtime functions and sites of a kernel."""

    def __init__(
        self,
        locate: Callable[[Instruction], Location],
        addresses: dict[str, int],
        parameters: dict[str, int],
        data: frozenset[str] = frozenset(),
    ) -> None:
        self.locate = locate
        self.addresses = addresses
        self.parameters = parameters
        self.has_strong = False
        self.has_fences = False
        self.data = data
        self.has_copies = False
        self.has_shuffles = False
        self.offsets: dict[str, int] = {}
        self.helpers: dict[str, tuple[str, str, list[str]]] = {}
        self.sites: list[Instruction] = []
        self.intrinsics: set[str] = set()
        self.scratch = 1
        self.frame_bytes = s.REGISTERS

    def offset_of(self, register: str, bits: int) -> int:
        """Offset of a register in the frame of a warp, assigned on first use."""
        if register not in self.offsets:
            self.offsets[register] = self.frame_bytes
            self.frame_bytes += 64 if bits == 1 else -(-4 * bits // 64) * 64
        return self.offsets[register]

    def address_of(self, name: str) -> int | None:
        """Address of a variable; None if the name is not a variable."""
        return self.addresses.get(name)

    def parameter(self, name: str) -> int | None:
        """Offset of a kernel parameter; None if the name is not a parameter."""
        return self.parameters.get(name)

    def intrinsic(self, declaration: str) -> None:
        """Declare an LLVM intrinsic."""
        self.intrinsics.add(declaration)

    def site(self, item: Instruction) -> int:
        """Number an instruction for faults and the meter."""
        self.sites.append(item)
        return len(self.sites) - 1

    def helper(self, name: str, result: str, types: list[str]) -> str:
        """Symbol of a runtime function, declared on first use."""
        if name not in self.helpers:
            symbol = "emulator." + name.replace(" ", ".")
            self.helpers[name] = (f'"{symbol}"', result, types)
        return self.helpers[name][0]
