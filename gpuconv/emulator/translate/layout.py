"""What the blocks of a kernel share: places of registers and variables, helpers, numbers of instructions."""

from collections.abc import Callable

from ..errors import Place
from ..ptx import Instruction
from ..runtime import state as s


class Layout:
    """Where the registers and variables of a kernel stand, and which helpers it calls."""

    def __init__(
        self, place: Callable[[Instruction], Place], addresses: dict[str, int], parameters: dict[str, int]
    ) -> None:
        self.place = place
        self.addresses = addresses
        self.parameters = parameters
        self.has_atomics = False
        self.has_copies = False
        self.offsets: dict[str, int] = {}
        self.helpers: dict[str, tuple[str, str, list[str]]] = {}
        self.sites: list[Instruction] = []
        self.intrinsics: set[str] = set()
        self.scratch = 1
        self.frame_bytes = s.REGISTERS

    def offset_of(self, register: str, bits: int) -> int:
        """Where a register stands in the frame of a warp."""
        if register not in self.offsets:
            self.offsets[register] = self.frame_bytes
            self.frame_bytes += 64 if bits == 1 else -(-4 * bits // 64) * 64
        return self.offsets[register]

    def address_of(self, name: str) -> int | None:
        """The address of a variable, as code sees it; None for what is no variable."""
        return self.addresses.get(name)

    def parameter(self, name: str) -> int | None:
        """The offset of a parameter of the kernel; None for what is none."""
        return self.parameters.get(name)

    def intrinsic(self, declaration: str) -> None:
        """Declare an intrinsic of LLVM."""
        self.intrinsics.add(declaration)

    def site(self, item: Instruction) -> int:
        """The number by which the runtime calls an instruction."""
        self.sites.append(item)
        return len(self.sites) - 1

    def helper(self, name: str, result: str, types: list[str]) -> str:
        """The symbol of a helper, declared where it is used."""
        if name not in self.helpers:
            symbol = "emulator." + name.replace(" ", ".")
            self.helpers[name] = (f'"{symbol}"', result, types)
        return self.helpers[name][0]
