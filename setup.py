"""Packages of the distribution: `kernels/` and `bench/` are installed as gpuconv.kernels and gpuconv.bench.

A top-level import package called `kernels` would shadow a popular one.
"""

import tarfile

from setuptools import find_packages, setup
from setuptools.command.sdist import sdist

INSTALLED_AS = {"kernels": "gpuconv.kernels", "bench": "gpuconv.bench"}
EVERY_FILES_TIME = 315532800
"""1980-01-01, the earliest that a wheel can hold."""


class Sdist(sdist):
    """A source distribution whose files have one time and no owner.

    A time that is no integer takes a header of its own: 36 KB of the compressed distribution.
    """

    def make_archive(self, base_name, format, root_dir=None, base_dir=None, **owners):
        """Write a compressed pax archive; other formats as setuptools writes them."""
        if format != "gztar":
            return super().make_archive(base_name, format, root_dir, base_dir, **owners)
        with tarfile.open(f"{base_name}.tar.gz", "w:gz", format=tarfile.PAX_FORMAT) as archive:
            archive.add(base_dir, filter=_without_time_and_owner)
        return archive.name


def _without_time_and_owner(entry):
    entry.mtime, entry.uid, entry.gid, entry.uname, entry.gname = EVERY_FILES_TIME, 0, 0, "", ""
    return entry


packages = find_packages(include=["gpuconv", "gpuconv.*"])
for folder, name in INSTALLED_AS.items():
    packages += [name, *(f"{name}.{package}" for package in find_packages(folder))]

setup(
    packages=packages,
    package_dir={name: folder for folder, name in INSTALLED_AS.items()},
    cmdclass={"sdist": Sdist},
)
