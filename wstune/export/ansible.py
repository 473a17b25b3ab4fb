"""An Ansible playbook that needs ansible-core alone: it runs the script, which looks before it writes."""

from __future__ import annotations

from wstune import quoting
from wstune.export import script
from wstune.export.wishes import Export
from wstune.export.words import cannot, commented, elsewhere, head
from wstune.export.yaml_text import block
from wstune.report.words import counted

_TASKS = """\
  tasks:
    - name: Set what is worse than needed
      ansible.builtin.command:
        argv: "{{ ['/bin/sh', '-s', '--'] + (['--dry-run'] if ansible_check_mode else []) }}"
        stdin: "{{ wstune_script }}"
      environment:
        PROC_SYS: "{{ wstune_proc_sys }}"
        ETC: "{{ wstune_etc }}"
      check_mode: false # the script itself only tells, then
      register: wstune_run
      changed_when: wstune_run.stdout is search('(?m)^(changed|would) ')\
"""

_HANDLERS = """\
  handlers:
    - name: Let systemd read its units again
      ansible.builtin.systemd_service:
        daemon_reload: true\
"""


def text(export: Export) -> str:
    """The whole playbook."""
    with_unit = export.unit != "UNIT.service"
    files = "" if script.named(export) else "export again with --user NAME or --unit NAME"
    target = counted(export.connections, "connection")
    lines = [
        *commented(
            [
                *head(export, "Ansible playbook"),
                "ansible-playbook -i INVENTORY FILE; with --check it only tells. A second run changes nothing.",
                "The work is done by a shell script, since it takes comparing: nothing is lowered, a list of ports is "
                "added to, and what was written is read back.",
                *cannot(elsewhere(export, files=files, groups="the service's unit (format systemd)")),
            ]
        ),
        "---",
        f"- name: {quoting.yaml(f'Ready for {target}')}",
        "  hosts: all",
        "  become: true",
        "  gather_facts: false",
        "  vars:",
        "    wstune_proc_sys: /proc/sys",
        "    wstune_etc: /etc",
        "    wstune_script: !unsafe |",
        *block(script.text(export), 6),
        _TASKS,
        *(["      notify: Let systemd read its units again", _HANDLERS] if with_unit else []),
    ]
    return "\n".join(lines) + "\n"
