# Kernel settings, for 250,000 connections as server and generator (1 process) on a machine with 4 GiB
# of memory.
# Goes to: /etc/sysctl.d/99-wstune-export.conf
# Made by: wstune export kemal-60k
# Read at boot, and by: sysctl -p /etc/sysctl.d/99-wstune-export.conf
# A file like this sets what it says, also where the machine has better: run `wstune check` there
# first, or take the format `script`, which compares before it writes.
#
# What this cannot set:
#   the file limit of each process (soft 1000000, hard 1000000): limits.d for logins, LimitNOFILE= for
#     services (formats limits.d and systemd)

# net.ipv4.ip_local_port_range: gives the end that connects 62,977 ports for each address instead of
# 28,232, and the server nothing. Both ends are even, which costs a port and a warning, and services
# above 1024 may find their port taken when they restart.
# Needed: = 1024 64000; such a machine has 32768-60999.
net.ipv4.ip_local_port_range = 1024 64000

# fs.file-max: meant to allow a million open files on the host. On a current system it lowers the
# limit: systemd sets the largest number there is, and the kernel's own default passes a million from
# 10 GB of memory on.
# Needed: = 1000000; such a machine has 359,511.
# It would lower what such a machine has by itself, so it is only shown.
# fs.file-max = 1000000

# fs.nr_open: meant to let a process have a million open files. The default is 1048576 or more, so it
# lowers the ceiling, and whatever has a limit of 1048576 in limits.conf or its unit can no longer
# start or log in.
# Needed: = 1000000; such a machine has 1,048,576.
# It would lower what such a machine has by itself, so it is only shown.
# fs.nr_open = 1000000

# net.ipv4.tcp_mem: meant to give TCP memory for its buffers. The unit is pages: this is 38 GiB, so
# the host's only brake on queued bytes is gone and slow readers bring the OOM killer. Idle
# connections use none of it.
# Needed: = 10000000 10000000 10000000; such a machine has 42,129 56,173 84,259.
net.ipv4.tcp_mem = 10000000 10000000 10000000

# net.ipv4.tcp_rmem: meant to save memory on each connection. Buffers are not taken in advance, so
# nothing is saved; the window of every connection of the host stays under 16 KB, and newer kernels
# refuse a minimum below 4096.
# Needed: = 1024 4096 16384; such a machine has 4,096 131,072 6,291,456.
# It would lower what such a machine has by itself, so it is only shown.
# net.ipv4.tcp_rmem = 1024 4096 16384

# net.ipv4.tcp_wmem: meant to save memory on each connection. Buffers are not taken in advance, so
# nothing is saved; a broadcast waits for EPOLLOUT on nearly every socket.
# Needed: = 1024 4096 16384; such a machine has 4,096 16,384 4,194,304.
# It would lower what such a machine has by itself, so it is only shown.
# net.ipv4.tcp_wmem = 1024 4096 16384

# net.core.rmem_max: meant to save memory. TCP's buffers do not obey it; it clamps SO_RCVBUF of
# everything else (DNS, QUIC, VPN) and, with the small tcp_rmem, takes window scaling from every new
# connection.
# Needed: = 16384; such a machine has 212,992.
# It would lower what such a machine has by itself, so it is only shown.
# net.core.rmem_max = 16384

# net.core.wmem_max: meant to save memory. TCP's buffers do not obey it; it clamps SO_SNDBUF of
# everything else (DNS, QUIC, VPN).
# Needed: = 16384; such a machine has 212,992.
# It would lower what such a machine has by itself, so it is only shown.
# net.core.wmem_max = 16384
