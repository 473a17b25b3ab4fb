# File limit of a user's logins, for 250,000 connections as server and generator (1 process) on a
# machine with 4 GiB of memory.
# Goes to: /etc/security/limits.d/99-wstune-export.conf
# Made by: wstune export container
# Read at USER's next login through PAM.
# fs.nr_open has to be as high first, or the user cannot log in: `sysctl fs.nr_open` shows it.
#
# What this cannot set:
#   net.ipv4.ip_local_reserved_ports, net.ipv4.ip_local_port_range, net.ipv4.tcp_max_tw_buckets and 6
#     kernel settings that a machine has by itself: sysctl.d (format sysctl.d)
#   limits of services that systemd starts: it does not read this file (format systemd)

# The profile asks for no limit of a process.
