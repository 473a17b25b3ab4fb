# Kernel settings, for 250,000 connections as server and generator (1 process) on a machine with 4 GiB
# of memory.
# Goes to: /etc/sysctl.d/99-wstune-export.conf
# Made by: wstune export container
# Read at boot, and by: sysctl -p /etc/sysctl.d/99-wstune-export.conf
# A file like this sets what it says, also where the machine has better: run `wstune check` there
# first, or take the format `script`, which compares before it writes.
#
# Not written, for a machine that nobody has touched is as good by itself:
#   net.ipv4.tcp_tw_reuse: needs 1 or 2; has 2
#   net.ipv4.tcp_rmem: needs ≥ 4096 16384 262144; has 4,096 131,072 6,291,456
#   net.ipv4.tcp_wmem: needs ≥ 4096 16384 262144; has 4,096 16,384 4,194,304
#   net.core.somaxconn: needs ≥ 4096; has 4,096
#   net.ipv4.tcp_syncookies: needs 1 or 2; has 1
#   net.ipv4.tcp_abort_on_overflow: needs = 0; has 0

# net.ipv4.ip_local_reserved_ports: services listen here by default: in a widened range an outgoing
# connection could take their port while they restart.
# Needed: contains 10248-10259,11211,15672,25672,26379,27017-27019,30000-32767; such a machine has
# none.
net.ipv4.ip_local_reserved_ports = 10248-10259,11211,15672,25672,26379,27017-27019,30000-32767

# net.ipv4.ip_local_port_range: one source address opens as many connections to one server port as
# this holds; past half, connect() slows.
# Needed: covers 10000-65535; such a machine has 32768-60999.
net.ipv4.ip_local_port_range = 10000 65535

# net.ipv4.tcp_max_tw_buckets: when all close at once, those beyond it skip TIME_WAIT; 256 bytes each,
# so at most 1 % of memory is asked for.
# Needed: ≥ 167772; such a machine has 8,192.
net.ipv4.tcp_max_tw_buckets = 167772
