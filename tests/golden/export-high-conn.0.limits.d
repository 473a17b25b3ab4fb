# File limit of a user's logins, for 250,000 connections as server (1 process) on a machine with 4 GiB
# of memory.
# Goes to: /etc/security/limits.d/99-wstune-export.conf
# Made by: wstune export high-conn
# Read at USER's next login through PAM.
# fs.nr_open has to be as high first, or the user cannot log in: `sysctl fs.nr_open` shows it.
#
# What this cannot set:
#   net.ipv4.tcp_max_tw_buckets, net.ipv4.tcp_max_orphans, fs.file-max,
#     net.netfilter.nf_conntrack_buckets, net.netfilter.nf_conntrack_max, net.ipv4.tcp_mem,
#     net.core.netdev_max_backlog and 11 kernel settings that a machine has by itself: sysctl.d
#     (format sysctl.d)
#   a limit on the processes of the control group, if there is one, of at least 18: the service's unit
#     (format systemd)
#   a memory limit of the control group, if there is one, of at least 1184217728 bytes (1.1 GiB): the
#     service's unit (format systemd)
#   memory that is not there: it takes 1.1 GiB
#   limits of services that systemd starts: it does not read this file (format systemd)

USER soft nofile 263524
USER hard nofile 263524
