"""Packages of the distribution: `kernels/` and `bench/` are installed as gpuconv.kernels and gpuconv.bench.

A top-level import package called `kernels` would shadow a popular one.
"""

from setuptools import find_packages, setup

INSTALLED_AS = {"kernels": "gpuconv.kernels", "bench": "gpuconv.bench"}

packages = find_packages(include=["gpuconv", "gpuconv.*"])
for folder, name in INSTALLED_AS.items():
    packages += [name, *(f"{name}.{package}" for package in find_packages(folder))]

setup(packages=packages, package_dir={name: folder for folder, name in INSTALLED_AS.items()})
