#!/usr/bin/env bash
# Do as a newcomer does, in an empty Debian: newcomer.sh ROOT FILE [PHASE [SUITE]]
#
# ROOT is made by debootstrap, of Debian's release SUITE or else of this machine's, unless it is there; the fresh clone of this repository's HEAD is in it as /home/wstune.
# FILE holds the commands, one a line, each as `CODES<tab>COMMAND`: the exit codes that are right, separated by commas.
# PHASE `debian` only makes ROOT, `network` runs them with the network (to install), `apart` in a network namespace of
# their own, whose accept queue is as small as on an old machine; fs, kernel and vm are read-only, for they are
# everybody's.
set -euo pipefail
trap 'echo "newcomer.sh: line $LINENO ended with $?: $BASH_COMMAND" >&2' ERR
root=$1 commands=$2 phase=${3:-network}
here=$(cd "$(dirname "$0")/.." && pwd)

if [ ! -e "$root/usr/bin/python3" ]; then
	# Of the two places either may be missing, which is no failure: cat, unlike sed under pipefail, may fail here.
	mirror=$({ cat /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list 2>/dev/null || true; } |
		sed -n 's/^URIs: *\([^ ]*\).*/\1/p; s/^deb  *\(\[[^]]*\]  *\)\{0,1\}\([^ ]*\).*/\2/p' | sed 1q)
	suite=${4:-$(. /etc/os-release && echo "$VERSION_CODENAME")}
	rm -rf "$root.new" # of a run that was ended in the middle
	debootstrap --variant=minbase --include=make,python3,python3-venv,ca-certificates,sudo,git "$suite" "$root.new" ${mirror:+"$mirror"}
	mv "$root.new" "$root"
fi
[ "$phase" != debian ] || exit 0
[ -e "$root/home/wstune" ] || git clone --quiet --no-hardlinks "$here" "$root/home/wstune"

# How this machine reaches the Python package index is this machine's business: pip's settings go in as they are.
places() { { env; pip config list 2>/dev/null; } | grep -oE '/[A-Za-z0-9_./-]+' | grep -vE '^/(home|proc|dev|tmp)' | sort -u; }
bound=(/etc/resolv.conf /etc/hosts /etc/ssl/certs /etc/pip.conf)
if env | grep -qE '^(PIP_|SSL_CERT)' || [ -e /etc/pip.conf ]; then
	while read -r place; do
		case $place in
		*/certs/* | *.pem | *.crt | *.conf | /opt/*) [ -e "$place" ] && bound+=("$place") ;;
		esac
	done < <(places)
fi

inside() {
	mount --make-rprivate /
	mount --bind "$root" "$root"
	cd "$root"
	mount -t proc proc proc
	mount -t sysfs -o ro sysfs sys
	mount --rbind /dev dev
	for place in "${bound[@]}"; do
		[ -e "$place" ] || continue
		if [ -d "$place" ]; then mkdir -p ".$place"; else mkdir -p ".${place%/*}" && touch ".$place"; fi
		mount --bind "$place" ".$place"
	done
	for part in fs kernel vm; do
		mount --bind "proc/sys/$part" "proc/sys/$part"
		mount -o remount,bind,ro "proc/sys/$part"
	done
	if [ "$phase" = apart ]; then
		ip link set lo up
		echo 128 >/proc/sys/net/core/somaxconn
	fi
	cp "$commands" commands
	exec chroot . /bin/bash -c '
		cd /home/wstune
		export HOME=/root LC_ALL=C.UTF-8 PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
		unset VIRTUAL_ENV PYTHONPATH WSTUNE_REQUIRE WSTUNE_TESTS_SHARED
		while IFS="$(printf "\t")" read -r codes line; do
			echo "\$ $line"
			# On a terminal of its own, as a person has one, who answers yes when asked.
			printf "y\n" | script --quiet --return --command "$line" /dev/null && code=0 || code=$?
			case ",$codes," in
			*",$code,"*) ;;
			*) echo "NEWCOMER: exit code $code of: $line" && exit 1 ;;
			esac
		done </commands
		echo "NEWCOMER: all done"
	'
}
export root commands phase
export -f inside
if [ "$phase" = apart ]; then
	exec unshare --mount --net --pid --fork --kill-child bash -c "bound=($(printf '%q ' "${bound[@]}")); inside"
else
	exec unshare --mount --pid --fork --kill-child bash -c "bound=($(printf '%q ' "${bound[@]}")); inside"
fi
