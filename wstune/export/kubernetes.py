"""Kubernetes: a pod with what its namespace may set, a DaemonSet for the nodes, and the kubelet's allow-list."""

from __future__ import annotations

from wstune import quoting
from wstune.export import script
from wstune.export.wishes import Export, Wish
from wstune.export.words import cannot, commented, elsewhere, head, left_out, said
from wstune.export.yaml_text import block

SAFE = {
    "net.ipv4.ip_local_port_range": "1.18",
    "net.ipv4.tcp_syncookies": "1.18",
    "net.ipv4.ip_unprivileged_port_start": "1.22",
    "net.ipv4.ip_local_reserved_ports": "1.27",
    "net.ipv4.tcp_keepalive_time": "1.29",
    "net.ipv4.tcp_keepalive_intvl": "1.29",
    "net.ipv4.tcp_keepalive_probes": "1.29",
    "net.ipv4.tcp_fin_timeout": "1.29",
    "net.ipv4.tcp_rmem": "1.32",
    "net.ipv4.tcp_wmem": "1.32",
}
"""Allowed to every pod, and since which version: kubernetes.io/docs/tasks/administer-cluster/sysctl-cluster."""

_DAEMON_SET = """\
apiVersion: apps/v1
kind: DaemonSet
metadata:
  name: wstune-node
  namespace: kube-system
  labels: {app.kubernetes.io/name: wstune-node}
spec:
  selector:
    matchLabels: {app.kubernetes.io/name: wstune-node}
  template:
    metadata:
      labels: {app.kubernetes.io/name: wstune-node}
    spec:
      hostNetwork: true # tcp_mem and its like are to be seen in the node's own namespace alone
      automountServiceAccountToken: false
      tolerations:
        - operator: Exists
      initContainers:
        - name: set
          image: busybox:1.36
          command: [sh, /wstune/script]
          env:
            - {name: ETC, value: /tmp} # nothing is kept on the node: this runs again at every boot
          securityContext:
            privileged: true # or /proc/sys is read-only
          volumeMounts:
            - {name: script, mountPath: /wstune, readOnly: true}
      containers:
        - name: wait # the pod stays, so that it is not started again and again
          image: busybox:1.36
          command: [sh, -c, "trap 'exit 0' TERM; while :; do sleep 3600 & wait $!; done"]
          securityContext:
            allowPrivilegeEscalation: false
            readOnlyRootFilesystem: true
            runAsNonRoot: true
            runAsUser: 65534
            capabilities: {drop: [ALL]}
          resources:
            requests: {cpu: 1m, memory: 4Mi}
            limits: {memory: 16Mi}
      volumes:
        - name: script
          configMap: {name: wstune-node}\
"""


def text(export: Export) -> str:
    """Three documents: a pod, a ConfigMap with the script, a DaemonSet that runs it on every node."""
    inside = tuple(wish for wish in export.sysctls() if wish.tunable.writable_in_netns)
    chosen = [wish for wish in inside if wish.value is not None and not wish.lowers]
    safe = [wish for wish in chosen if wish.tunable.name in SAFE]
    unsafe = [wish for wish in chosen if wish.tunable.name not in SAFE]
    lines = commented(
        [
            *head(export, "Kubernetes manifests"),
            "A pod has a network namespace of its own, which starts from the kernel's defaults, not from what its "
            "node was tuned to: hence the settings in the pod. The DaemonSet sets what only the node has; it looks "
            "before it writes, and lowers nothing.",
            *left_out(inside),
            *cannot([*_files(export), *elsewhere(export, groups="resources of the container")]),
        ]
    )
    lines += _pod(export, safe, unsafe)
    lines += [
        "---",
        "apiVersion: v1",
        "kind: ConfigMap",
        "metadata:",
        "  name: wstune-node",
        "  namespace: kube-system",
        "data:",
        "  script: |",
        *block(script.text(export), 4),
        "---",
        _DAEMON_SET,
    ]
    return "\n".join(lines) + "\n"


def _pod(export: Export, safe: list[Wish], unsafe: list[Wish]) -> list[str]:
    lines = ["---", "apiVersion: v1", "kind: Pod", "metadata:", "  name: your-pod", "spec:"]
    if unsafe:
        lines += [f"  {line}" for line in commented(_allow_list(unsafe))]
    if safe:
        lines += ["  securityContext:", "    sysctls:"]
    for wish in safe:
        lines += [f"      {line}" for line in commented([*said(wish), f"Allowed since {SAFE[wish.tunable.name]}."])]
        lines += [f"      - {line}" for line in [_sysctl(wish)]]
    lines += ["  containers:", "    - name: app", "      image: your-image"]
    memory = export.wish("cgroup.memory.max")
    if memory is not None:
        bytes_ = memory.requirements[0].operands[0].number
        lines += [
            *(
                f"      {line}"
                for line in commented(["The kernel's side of the connections; add the application's own."])
            ),
            "      resources:",
            f"        requests: {{memory: {-(-bytes_ // 2**20)}Mi}}",
        ]
    return lines


def _allow_list(unsafe: list[Wish]) -> list[str]:
    names = ", ".join(wish.tunable.name for wish in unsafe)
    return [
        "To be set here as well once the kubelet of its node allows them (else the pod is refused: SysctlForbidden):",
        *(f"  - {_sysctl(wish)}" for wish in unsafe),
        "In the kubelet's configuration (kubelet.config.k8s.io/v1beta1, KubeletConfiguration):",
        f"  allowedUnsafeSysctls: [{names}]",
    ]


def _sysctl(wish: Wish) -> str:
    return f"{{name: {wish.tunable.name}, value: {quoting.yaml(quoting.sysctl(str(wish.value)))}}}"


def _files(export: Export) -> list[str]:
    """A pod cannot ask for a file limit."""
    if export.files is None:
        return []
    soft, hard = export.files
    return [
        f"the file limit (soft {soft}, hard {hard}): a pod inherits it from the container runtime; "
        f"on the node: wstune export {export.profile.name} --format systemd --unit containerd.service; and let the "
        f"container's command raise the soft one: ulimit -S -n {soft}"
    ]
