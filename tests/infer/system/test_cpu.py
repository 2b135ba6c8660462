from __future__ import annotations

import os
from pathlib import Path

import pytest

from salt_infer.system import cpu
from salt_infer.system.cpu import Machine

CPUINFO = """processor\t: 0
vendor_id\t: GenuineIntel
model name\t: Intel(R) Xeon(R) Platinum 8480+
flags\t\t: fpu avx2 avx512f avx512_vnni avx512_bf16 amx_bf16 amx_tile

processor\t: 1
model name\t: another
flags\t\t: fpu
"""


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def topology(lists: list[str]) -> dict[str, str]:
    folder = "sys/devices/system/cpu/cpu{}/topology/thread_siblings_list"
    return {folder.format(cpu): f"{text}\n" for cpu, text in enumerate(lists)}


def test_two_threads_of_one_core_are_one(tmp_path: Path) -> None:
    write(tmp_path, topology(["0,4", "1,5", "2,6", "3,7"] * 2) | {"proc/cpuinfo": CPUINFO})
    seen = cpu.read(range(8), tmp_path)
    name = "Intel(R) Xeon(R) Platinum 8480+"
    assert seen == Machine(name, 8, 4, None, ("AVX2", "AVX512", "VNNI", "BF16", "AMX"))
    assert (seen.threads, seen.workers) == (4, 8)
    assert cpu.read({0, 4, 1}, tmp_path).threads == 2  # what affinity leaves


@pytest.mark.parametrize(
    ("files", "quota"),
    [
        ({"proc/self/cgroup": "0::/", "sys/fs/cgroup/cpu.max": "max 100000\n"}, None),
        ({"proc/self/cgroup": "0::/", "sys/fs/cgroup/cpu.max": "250000 100000\n"}, 2.5),
        (
            # The tightest on the way up counts.
            {
                "proc/self/cgroup": "0::/a/b\n",
                "sys/fs/cgroup/a/cpu.max": "300000 100000\n",
                "sys/fs/cgroup/a/b/cpu.max": "max 100000\n",
            },
            3.0,
        ),
        (
            # In a container the path is the host's, and only the top is there.
            {
                "proc/self/cgroup": "0::/docker/0123\n",
                "sys/fs/cgroup/cpu.max": "50000 100000\n",
            },
            0.5,
        ),
        (
            {
                "proc/self/cgroup": "5:cpu,cpuacct:/a\n4:memory:/m\n",
                "sys/fs/cgroup/cpu/a/cpu.cfs_quota_us": "150000\n",
                "sys/fs/cgroup/cpu/a/cpu.cfs_period_us": "100000\n",
                "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n",
                "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
            },
            1.5,
        ),
        ({"sys/fs/cgroup/cpu.max": "rubbish\n"}, None),
        ({}, None),
    ],
)
def test_quotas(tmp_path: Path, files: dict[str, str], quota: float | None) -> None:
    assert cpu.read(range(4), write(tmp_path, files)).quota == quota


@pytest.mark.parametrize(
    ("physical", "quota", "threads"), [(8, None, 8), (8, 2.5, 2), (8, 0.5, 1), (2, 16.0, 2)]
)
def test_threads_are_cores_within_the_quota(
    physical: int, quota: float | None, threads: int
) -> None:
    assert Machine("", 2 * physical, physical, quota, ()).threads == threads


def test_where_the_kernel_says_nothing_each_cpu_is_a_core(tmp_path: Path) -> None:
    assert cpu.read({0, 3}, tmp_path) == Machine("unknown", 2, 2, None, ())


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ("avx2 avx_vnni", ("AVX2", "VNNI")),
        ("fp asimd asimddp bf16", ("VNNI", "BF16")),
        ("avx512_vnnix", ()),
    ],
)
def test_features(flags: str, expected: tuple[str, ...]) -> None:
    assert cpu.features(flags) == expected


@pytest.mark.parametrize(("cpus", "expected"), [(1, 1), (2, 2), (4, 4), (16, 4)])
def test_no_more_threads_decode_than_gain_by_it(cpus: int, expected: int) -> None:
    assert Machine("", cpus, cpus, None, ()).decoders == expected
    assert Machine("", 64, 64, float(cpus), ()).decoders == expected


def test_this_machine() -> None:
    seen = cpu.this_machine()
    assert 1 <= seen.threads <= seen.physical <= seen.logical == len(os.sched_getaffinity(0))
    assert cpu.available_cpus() == seen.workers
    assert cpu.decoders_here() == seen.decoders
    assert cpu.threads_here() == seen.threads
