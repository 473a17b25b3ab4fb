# Kernel settings, for 250,000 connections as server (1 process) on a machine with 4 GiB of memory.
# Goes to: /etc/sysctl.d/99-wstune-export.conf
# Made by: wstune export high-conn
# Read at boot, and by: sysctl -p /etc/sysctl.d/99-wstune-export.conf
# A file like this sets what it says, also where the machine has better: run `wstune check` there
# first, or take the format `script`, which compares before it writes.
#
# Not written, for a machine that nobody has touched is as good by itself:
#   fs.nr_open: needs ≥ 263524; has 1,048,576
#   fs.epoll.max_user_watches: needs ≥ 300000; has 800,304
#   kernel.pid_max: needs ≥ 4098; has 32,768
#   kernel.threads-max: needs ≥ 1026; has 28,086
#   net.ipv4.tcp_rmem: needs ≥ 4096 16384 262144 and default ≤ 131072; has 4,096 131,072 6,291,456
#   net.ipv4.tcp_wmem: needs ≥ 4096 16384 262144; has 4,096 16,384 4,194,304
#   net.core.rmem_max: needs ≥ 212992; has 212,992
#   net.core.wmem_max: needs ≥ 212992; has 212,992
#   net.core.somaxconn: needs ≥ 4096; has 4,096
#   net.ipv4.tcp_syncookies: needs 1 or 2; has 1
#   net.ipv4.tcp_abort_on_overflow: needs = 0; has 0
#
# What this cannot set:
#   the file limit of each process (soft 263524, hard 263524): limits.d for logins, LimitNOFILE= for
#     services (formats limits.d and systemd)
#   a limit on the processes of the control group, if there is one, of at least 18: the service's unit
#     (format systemd)
#   a memory limit of the control group, if there is one, of at least 1184217728 bytes (1.1 GiB): the
#     service's unit (format systemd)
#   memory that is not there: it takes 1.1 GiB

# net.ipv4.tcp_max_tw_buckets: when all close at once, those beyond it skip TIME_WAIT; 256 bytes each,
# so at most 1 % of memory is asked for.
# Needed: ≥ 167772; such a machine has 8,192.
net.ipv4.tcp_max_tw_buckets = 167772

# net.ipv4.tcp_max_orphans: when many close at once, those beyond it are reset; up to 64 KB each, so a
# quarter of memory at most is asked.
# Needed: ≥ 16384; such a machine has 8,192.
net.ipv4.tcp_max_orphans = 16384

# fs.file-max: each connection is an open file of the host; a fifth more, and the files of everything
# else.
# Needed: ≥ 365536; such a machine has 359,511.
fs.file-max = 9223372036854775807

# net.netfilter.nf_conntrack_buckets: more than four tracked connections for each bucket make the
# lookup of every packet slow.
# Needed: ≥ 75000; such a machine has 65,536.
-net.netfilter.nf_conntrack_buckets = 75000

# net.netfilter.nf_conntrack_max: where firewall rules or NAT track connections, a full table drops
# new ones in silence; elsewhere, nothing.
# Needed: ≥ 300000; such a machine has 65,536.
-net.netfilter.nf_conntrack_max = 300000

# net.ipv4.tcp_mem: a message to everybody queues a page for each receiver at once; more than 40 % of
# memory is not asked for.
# Needed: ≥ 125000 166666 250000 and max ≤ 419430; such a machine has 42,129 56,173 84,259.
net.ipv4.tcp_mem = 125000 166666 250000

# net.core.netdev_max_backlog: packets over loopback, and steered ones, wait here; a burst overflows
# 1000, and a lost SYN costs a second.
# Needed: ≥ 10000; such a machine has 1,000.
net.core.netdev_max_backlog = 10000
