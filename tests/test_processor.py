"""Usable cores and thread settings, over made-up control groups and environments."""

import os

import pytest

from perceiver_cli import processor
from perceiver_cli.processor import cpu_limit, thread_settings, usable_cores


@pytest.fixture
def system(tmp_path):
    """system({path: content}) -> a folder with those files."""

    def make(files: dict[str, str]):
        for name, content in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content + "\n")
        return tmp_path

    return make


@pytest.mark.parametrize(
    ("files", "limit"),
    [
        pytest.param({}, None, id="no control groups"),
        pytest.param(
            {"proc/self/cgroup": "0::/", "sys/fs/cgroup/cpu.max": "max 100000"},
            None,
            id="2, no limit",
        ),
        pytest.param(
            {"proc/self/cgroup": "0::/", "sys/fs/cgroup/cpu.max": "150000 100000"},
            1.5,
            id="2, a container's own root",
        ),
        pytest.param(
            {
                "proc/self/cgroup": "0::/kube/pod",
                "sys/fs/cgroup/kube/cpu.max": "200000 100000",
                "sys/fs/cgroup/kube/pod/cpu.max": "400000 100000",
            },
            2.0,
            id="2, the group around it has less",
        ),
        pytest.param(
            {"proc/self/cgroup": "0::/docker/ab12", "sys/fs/cgroup/cpu.max": "50000 100000"},
            0.5,
            id="2, the group's path is the host's",
        ),
        pytest.param(
            {
                "proc/self/cgroup": "4:memory:/\n3:cpu,cpuacct:/docker/ab12\n0::/",
                "sys/fs/cgroup/cpu,cpuacct/docker/ab12/cpu.cfs_quota_us": "300000",
                "sys/fs/cgroup/cpu,cpuacct/docker/ab12/cpu.cfs_period_us": "100000",
                "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "-1",
                "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000",
            },
            3.0,
            id="1",
        ),
        pytest.param(
            {
                "proc/self/cgroup": "3:cpu:/",
                "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1",
                "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000",
            },
            None,
            id="1, no limit",
        ),
        pytest.param(
            {"proc/self/cgroup": "3:cpuset:/", "sys/fs/cgroup/cpuset/cpu.cfs_quota_us": "1"},
            None,
            id="1, of another controller",
        ),
        pytest.param(
            {"proc/self/cgroup": "0::/", "sys/fs/cgroup/cpu.max": "what is this"},
            None,
            id="unreadable",
        ),
    ],
)
def test_the_limit_is_that_of_the_control_groups(system, files, limit):
    assert cpu_limit(system(files)) == limit


@pytest.mark.parametrize(("limit", "cores"), [(None, 8), (0.5, 1), (1.5, 2), (3.0, 3), (64.0, 8)])
def test_usable_cores_are_no_more_than_the_limit(monkeypatch, limit, cores):
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(8)), raising=False)
    monkeypatch.setattr(processor, "cpu_limit", lambda: limit)
    assert usable_cores() == cores


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="there is no affinity here")
def test_usable_cores_are_no_more_than_the_affinity():
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    try:
        assert usable_cores() == 1
    finally:
        os.sched_setaffinity(0, before)


WAIT = {"OMP_WAIT_POLICY": "passive", "GOMP_SPINCOUNT": "1000"}


@pytest.mark.parametrize(
    ("limit", "environment", "settings"),
    [
        (None, {}, WAIT),
        (2.0, {}, WAIT | {"OMP_NUM_THREADS": "2"}),
        (2.0, {"OMP_NUM_THREADS": "5"}, WAIT),
        (2.0, {"MKL_NUM_THREADS": "5"}, WAIT),
        (None, {"OMP_WAIT_POLICY": "active"}, {}),
        (None, {"GOMP_SPINCOUNT": "1000"}, {}),
        (None, {"KMP_BLOCKTIME": "200"}, {}),
    ],
)
def test_waiting_threads_soon_sleep_unless_the_user_says_otherwise(
    monkeypatch, limit, environment, settings
):
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(8)), raising=False)
    monkeypatch.setattr(processor, "cpu_limit", lambda: limit)
    assert thread_settings(environment) == settings
