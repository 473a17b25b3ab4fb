"""What a kernel that nobody has touched has by itself: against this a file that cannot compare is written.

Each default lies between two bounds: kernels and distributions differ, and not all memory is there when it is worked
out. A demand that the lower bound meets needs no line; a line that is needed keeps what is better in the upper one.
"""

from __future__ import annotations

from wstune.tunables import CATALOGUE
from wstune.values import UNLIMITED, Value, make, parse

MiB, GiB = 2**20, 2**30

_FIXED = {
    "fs.nr_open": "1048576",  # fs/file.c
    "net.core.somaxconn": "4096",  # include/linux/socket.h SOMAXCONN, since 5.4
    "net.core.netdev_max_backlog": "1000",  # net/core/hotdata.c
    "net.core.rmem_max": "212992",  # net/core/sock.c; 4194304 since 6.18
    "net.core.wmem_max": "212992",
    "net.ipv4.tcp_syncookies": "1",
    "net.ipv4.tcp_abort_on_overflow": "0",
    "net.ipv4.tcp_tw_reuse": "2",  # since 4.19
    "net.ipv4.tcp_timestamps": "1",
    "net.ipv4.tcp_fin_timeout": "60",
    "net.ipv4.ip_local_port_range": "32768 60999",
    "net.ipv4.ip_local_reserved_ports": "",
    "net.ipv4.ip_unprivileged_port_start": "1024",
}

_RAISED = {"fs.file-max": str(UNLIMITED), "kernel.pid_max": "4194304"}
"""systemd ≥ 240 does so at boot (NEWS 240, /usr/lib/sysctl.d/50-pid-max.conf)."""


def least(ram_bytes: int, page_size: int) -> dict[str, Value]:
    """The defaults of a kernel without systemd, of a machine of which a seventh of memory is taken early."""
    return _defaults(ram_bytes * 6 // 7, page_size)


def most(ram_bytes: int, page_size: int) -> dict[str, Value]:
    """The largest that such a machine may have by itself."""
    raised = {name: parse(CATALOGUE[name].kind, text) for name, text in _RAISED.items()}
    return _defaults(ram_bytes, page_size) | raised


def _defaults(ram: int, page_size: int) -> dict[str, Value]:
    low = ram // page_size // 16  # net/ipv4/tcp.c tcp_init_mem
    hash_entries = min(524_288, _power_of_two(ram // (128 * 1024)))  # net/ipv4/tcp.c tcp_init
    # net/netfilter/nf_conntrack_core.c nf_conntrack_init_start
    tracked = 262_144 if ram > 4 * GiB else 65_536 if ram > GiB else max(1024, ram // 16384 // 8)
    threads = ram // (128 * 1024)  # kernel/fork.c set_max_threads
    numbers: dict[str, tuple[int, ...]] = {
        "fs.file-max": (max(8192, ram // 1024 // 10),),  # fs/file_table.c files_maxfiles_init
        "fs.epoll.max_user_watches": (ram // 25 // 184,),  # fs/eventpoll.c eventpoll_init
        "net.ipv4.tcp_mem": (low * 3 // 4, low, low * 3 // 2),
        "net.ipv4.tcp_rmem": (4096, 131_072, max(131_072, min(6 * MiB, ram // 128))),
        "net.ipv4.tcp_wmem": (4096, 16_384, max(65_536, min(4 * MiB, ram // 128))),
        "net.ipv4.tcp_max_tw_buckets": (hash_entries // 2,),
        "net.ipv4.tcp_max_orphans": (hash_entries // 2,),
        "net.netfilter.nf_conntrack_max": (tracked,),
        "net.netfilter.nf_conntrack_buckets": (tracked,),
        "kernel.pid_max": (32_768,),
        "kernel.threads-max": (threads,),
        "nproc": (threads // 2,),  # kernel/fork.c fork_init
        "cgroup.pids.max": (min(32_768, threads) * 15 // 100,),  # systemd.resource-control(5) DefaultTasksMax=15%
    }
    found = {name: parse(CATALOGUE[name].kind, text) for name, text in _FIXED.items()}
    return found | {name: make(CATALOGUE[name].kind, *each) for name, each in numbers.items()}


def _power_of_two(number: int) -> int:
    """The largest power of two that is not above it."""
    return 1 << max(0, number.bit_length() - 1)
