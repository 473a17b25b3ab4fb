"""The only door to /proc, /sys, /etc, rlimits, cgroups and namespaces: readers and writers, each taking a root."""
