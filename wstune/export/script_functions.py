"""The part of the exported script that is the same for every profile: POSIX sh, with awk for lists of ports."""

from __future__ import annotations

FUNCTIONS = r"""
set -fu
PROC_SYS=${PROC_SYS:-/proc/sys}
ETC=${ETC:-/etc}
ALLOW_LOWER=${ALLOW_LOWER:-}
FILE=$ETC/sysctl.d/99-wstune-export.conf
dry=
failed=0

# echo of some shells takes backslashes for more than they are.
say() { printf '%s\n' "$*"; }

case ${1-} in
'') ;;
--dry-run) dry=1 ;;
*)
	say "usage: $0 [--dry-run]   (PROC_SYS, ETC and ALLOW_LOWER=1 come from the environment)" >&2
	exit 2
	;;
esac

# least HAVE NEED: each number of NEED that is not `*`, where it is more; later numbers are kept from being less.
least() { merge '>' "$1" "$2"; }
# most HAVE NEED: each number of NEED that is not `*`, where it is less; earlier numbers are kept from being more.
most() { merge '<' "$1" "$2"; }
# exactly HAVE NEED: each number of NEED that is not `*`.
exactly() { merge '=' "$1" "$2"; }

# With the shell's numbers, which have 64 bits: awk's have 53, too few for fs.file-max.
merge() {
	out=
	rest=$2
	for need in $3; do
		have=${rest%% *}
		rest=${rest#* }
		case $need$1 in
		\**) ;;
		*\>) [ "$have" -ge "$need" ] || have=$need ;;
		*\<) [ "$have" -le "$need" ] || have=$need ;;
		*) have=$need ;;
		esac
		out="$out $have"
	done
	in_order "$1" $out
}

in_order() {
	direction=$1
	shift
	if [ $# -eq 3 ] && [ "$direction" = '>' ]; then
		[ "$2" -ge "$1" ] || set -- "$1" "$1" "$3"
		[ "$3" -ge "$2" ] || set -- "$1" "$2" "$2"
	elif [ $# -eq 3 ] && [ "$direction" = '<' ]; then
		[ "$2" -le "$3" ] || set -- "$1" "$3" "$3"
		[ "$1" -le "$2" ] || set -- "$2" "$2" "$3"
	fi
	say "$*"
}

# covers HAVE NEED: the range that holds both.
covers() {
	set -- $1 $2
	[ "$1" -le "$3" ] || set -- "$3" "$2" "$3" "$4"
	[ "$2" -ge "$4" ] || set -- "$1" "$4" "$3" "$4"
	say "$1 $2"
}

# one_of HAVE A|B: what is there if it will do, else the first that will.
one_of() {
	case "|$2|" in
	*"|$1|"*) say "$1" ;;
	*) say "${2%%|*}" ;;
	esac
}

# contains HAVE NEED: the list of ports with those of NEED added, as it is if they are in it.
contains() {
	awk -v have="$1" -v need="$2" '
		function ports(list, set,    parts, ends, i, n, p) {
			n = split(list, parts, ",")
			for (i = 1; i <= n; i++) if (parts[i] != "") {
				split(parts[i], ends, "-")
				for (p = ends[1] + 0; p <= (ends[2] == "" ? ends[1] : ends[2]) + 0; p++) set[p] = 1
			}
		}
		BEGIN {
			ports(have, h); ports(need, n)
			for (p in n) if (!(p in h)) { print (have == "" ? need : have "," need); exit }
			print have
		}'
}

# lower BEFORE AFTER: whether any number falls.
lower() {
	rest=$2
	for one in $1; do
		[ "${rest%% *}" -ge "$one" ] || return 0
		rest=${rest#* }
	done
	return 1
}

# narrow BEFORE AFTER: whether a port of the range is lost.
narrow() {
	set -- $1 $2
	[ "$3" -gt "$1" ] || [ "$4" -lt "$2" ]
}

read_key() { tr -s '\t\n' '  ' <"$1" 2>/dev/null | sed 's/ *$//'; }

# want SEVERITY KEY OPERATOR NEED [lower|narrow]: look, and write only what is worse; then look again.
want() {
	severity=$1 key=$2 operator=$3 need=$4 guard=${5-}
	path=$PROC_SYS/$(say "$key" | tr . /)
	if [ ! -e "$path" ]; then
		say "absent   $key: not here, so not set"
		return
	fi
	old=$(read_key "$path")
	if [ -z "$old" ] && [ "$operator" != contains ]; then
		fail "$key: cannot be read"
		return
	fi
	new=$("$operator" "$old" "$need")
	if [ "$old" = "$new" ]; then
		say "ok       $key = $old"
		return
	fi
	if [ -n "$guard" ] && [ -z "$ALLOW_LOWER" ] && "$guard" "$old" "$new"; then
		say "kept     $key = $old: '$new' would $guard it (ALLOW_LOWER=1 permits that)"
		return
	fi
	if [ -n "$dry" ]; then
		say "would    $key = $new (is $old)"
		return
	fi
	if ! { printf '%s\n' "$new" >"$path"; } 2>/dev/null; then
		# A vector is stored number by number, so a refused one may be half written: put it back.
		{ printf '%s\n' "$old" >"$path"; } 2>/dev/null
		fail "$key: the kernel refuses '$new'"
		return
	fi
	now=$(read_key "$path")
	if [ "$now" != "$("$operator" "$now" "$need")" ]; then
		{ printf '%s\n' "$old" >"$path"; } 2>/dev/null
		fail "$key: wrote '$new', reads '$now'"
		return
	fi
	say "changed  $key = $now (was $old)"
	keep "$key" "$now"
}

fail() {
	say "FAILED   $1" >&2
	[ "$severity" = error ] && failed=1
}

# keep KEY VALUE: one line of the file that is read at boot, replaced whole or not at all.
keep() {
	if ! mkdir -p "${FILE%/*}" || ! lines "$1" "$2" >"$FILE.new" || ! mv "$FILE.new" "$FILE"; then
		fail "$FILE cannot be written"
	fi
}

lines() {
	if [ -e "$FILE" ]; then
		grep -v -e "^-\{0,1\}$1 = " "$FILE"
	else
		echo '# Written by a script that wstune exported: what it had to change.'
	fi
	case $1 in
	net.netfilter.*) say "-$1 = $2" ;;
	*) say "$1 = $2" ;;
	esac
}

# install_file PATH: standard input becomes the file, if it differs.
install_file() {
	text=$(cat)
	if [ -e "$1" ] && [ "$text" = "$(cat "$1")" ]; then
		say "ok       $1"
	elif [ -n "$dry" ]; then
		say "would    write $1"
	elif mkdir -p "${1%/*}" && printf '%s\n' "$text" >"$1.new" && mv "$1.new" "$1"; then
		say "changed  $1"
	else
		severity=error
		fail "$1 cannot be written"
	fi
}
"""
