"""Report of the static gate: a row for each kernel, dtype and architecture, and the limits that are broken."""

import argparse
import json
import os
import sys
import time
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.table import Table

from . import launches, sass, sass_limits


class Row(NamedTuple):
    """A kernel on an architecture."""

    instance: launches.Instance
    architecture: tuple
    code: sass.Code
    seconds: float
    """Compilation by Numba (0 for cached PTX) and by ptxas (when it last ran)."""

    @property
    def occupancy(self):
        """Share of the multiprocessor's threads."""
        return sass.occupancy(self.code, self.instance.threads, self.architecture)

    def faults(self):
        """The broken limits, in words."""
        return sass_limits.faults(self.instance, self.code, self.architecture)


def rows(instances, architectures):
    """Compile and assemble: yields a Row for each instance and architecture."""
    for architecture in architectures:
        for instance in (i for i in instances if i.first <= architecture):
            begin = time.perf_counter()
            ptx = sass.ptx_of(instance.kernel, instance.signature, architecture)
            numba = time.perf_counter() - begin
            code = sass.assemble_ptx(ptx, architecture)
            yield Row(instance, architecture, code, numba + code.seconds)


def table(found):
    """The rows as a table."""
    columns = "kernel type sm registers spilled local shared occupancy loop multiply global s"
    result = Table(*columns.split())
    for row in found:
        code, multiplies = row.code, {name: row.code.share(name) for name in sass.MULTIPLY if row.code.loop[name]}
        cells = [
            row.instance.name,
            row.instance.dtype,
            "{}{}".format(*row.architecture),
            *map(str, (code.registers, code.spilled, code.local, code.shared)),
            f"{row.occupancy:.0%}",
            str(code.loop.total()),
            " ".join(f"{name} {share:.0%}" for name, share in multiplies.items()),
            " ".join(f"{width} {count}" for width, count in sorted(code.widths.items())),
            f"{row.seconds:.1f}",
        ]
        result.add_row(*cells, style="red" if row.faults() else None)
    return result


def record(row):
    """A Row for JSON."""
    code = {name: value for name, value in row.code._asdict().items() if name != "seconds"}
    return {
        "kernel": row.instance.name,
        "dtype": row.instance.dtype,
        "architecture": "sm_{}{}".format(*row.architecture),
        "threads": row.instance.threads,
        **code,
        "occupancy": row.occupancy,
        "seconds": round(row.seconds, 2),
        "faults": row.faults(),
    }


def main(arguments=None):
    """Print the table; exit with 1 where a limit is broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--architectures", nargs="+", default=["".join(map(str, a)) for a in sass.ARCHITECTURES])
    parser.add_argument("--kernels", default="", help="only those with this in their name")
    parser.add_argument("--json", type=Path, help="write everything counted there")
    parser.add_argument("--cold", action="store_true", help="ignore the cache, to measure compilation")
    options = parser.parse_args(arguments)
    if options.cold:
        os.environ["GPUCONV_EMULATOR_CACHE"] = ""
    if reason := sass.missing():
        sys.exit(reason)
    known = {"".join(map(str, a)): a for a in sass.ARCHITECTURES}
    if unknown := set(options.architectures) - known.keys():
        sys.exit(f"sass: --architectures is {', '.join(sorted(unknown))}, expected some of {', '.join(known)}")
    tiles = list(launches.convolution_tiles())
    named = {tile.name for tile in tiles}
    launched = [i for i in launches.every_instance()[0] if i.dtype != "float32" or i.name not in named]
    tensor = list(launches.tensor_cores())
    instances = [i for i in tiles + launched + tensor if options.kernels in i.name]
    found = list(rows(instances, [known[a] for a in options.architectures]))
    console = Console(width=max(Console().width, 160))
    console.print(table(found))
    if options.json:
        options.json.write_text(json.dumps([record(row) for row in found], indent=1) + "\n")
    faults = [fault for row in found for fault in row.faults()]
    console.print(*faults, f"{len(found)} kernels, {len(faults)} limits broken", sep="\n", highlight=False)
    sys.exit(bool(faults))
