"""A Ray cluster of two nodes with a CPU each, on this machine; the second can be killed.

Run as a program it prints the cluster's address and the process of the second node, its raylet,
which is the parent of that node's workers. At each line that it reads it kills the second node.
"""

from __future__ import annotations

import sys

CPUS = 1
STORE = 100 * 1024 * 1024  # bytes


def main() -> None:
    """Serve until standard input is closed."""
    from ray.cluster_utils import Cluster

    size = {"num_cpus": CPUS, "object_store_memory": STORE}
    cluster = Cluster(initialize_head=True, head_node_args={**size, "include_dashboard": False})
    second = cluster.add_node(**size)
    print(cluster.address, second.all_processes["raylet"][0].process.pid, flush=True)
    try:
        for _ in sys.stdin:
            cluster.remove_node(second, allow_graceful=False)
            print("killed", flush=True)
    finally:
        cluster.shutdown()


if __name__ == "__main__":
    main()
