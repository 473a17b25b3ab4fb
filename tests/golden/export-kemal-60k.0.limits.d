# File limit of a user's logins, for 250,000 connections as server and generator (1 process) on a
# machine with 4 GiB of memory.
# Goes to: /etc/security/limits.d/99-wstune-export.conf
# Made by: wstune export kemal-60k
# Read at USER's next login through PAM.
# fs.nr_open has to be as high first, or the user cannot log in: `sysctl fs.nr_open` shows it.
#
# What this cannot set:
#   net.ipv4.ip_local_port_range, fs.file-max, fs.nr_open, net.ipv4.tcp_mem, net.ipv4.tcp_rmem,
#     net.ipv4.tcp_wmem, net.core.rmem_max, net.core.wmem_max: sysctl.d (format sysctl.d)
#   limits of services that systemd starts: it does not read this file (format systemd)

USER soft nofile 1000000
USER hard nofile 1000000
