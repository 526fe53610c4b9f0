#!/usr/bin/env bash
# UCX: loading its library moves the end of the heap up by a page and down again, without a lock.
#
# Packages: libucx0 1.13.1-1, libnuma1 2.0.16-1 and strace 6.1-0.1, as Debian 12 has them (MPICH 4.0.2 of
#   Debian sends through this UCX). They are unpacked into the folder, and nothing is installed.
# Expected: `dlopen` of a library leaves memory alone that belongs to others. The break is one for the
#   whole process, and the `malloc` of glibc guards it by the lock of its main arena.
# Seen: between the opening of the file and the return of `dlopen`, the break goes up by 4,096 bytes and
#   down by as many, twice. With UCX_MEM_EVENTS=no it stays where it is.
# Why it matters: the step down takes away what another thread may have got in between. A program of
#   many threads that loads MPI while it runs (a plug-in, a foreign function interface) can lose a page
#   of its heap, and fails later, at a place that has nothing to do with MPI.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
chmod 755 "$folder"
cd "$folder"
apt-get download --quiet=2 -o APT::Sandbox::User="$(id -un)" libucx0=1.13.1-1 libnuma1=2.0.16-1 strace=6.1-0.1
for package in *.deb; do dpkg -x "$package" root; done

# One thread, so that nobody can be between the two steps.
steps() {
  env "$@" LD_LIBRARY_PATH="$folder/root/usr/lib/x86_64-linux-gnu" \
    root/usr/bin/strace -o calls -e trace=brk,openat,write \
    python3 -c 'import ctypes, os; ctypes.CDLL("libucs.so.0"); os.write(1, b"")'
  python3 - <<'PYTHON'
import re

calls = open("calls").read()
loading = calls[re.search(r"libucs\.so\.0.* = \d+\n", calls).end() :]
loading = loading[: loading.index('write(1, ""')]
ends = [int(end, 16) for end in re.findall(r"^brk\((0x[0-9a-f]+)\)", loading, re.M)]
pairs = sum(up - down == 4096 for up, down in zip(ends[::2], ends[1::2]))
print(f"{len(ends)} {pairs}")
PYTHON
}

usual=$(steps -u UCX_MEM_EVENTS)
without=$(steps UCX_MEM_EVENTS=no)
echo 'libucx0 1.13.1-1'
echo 'expected: the break stays where it is while the library is loaded'
echo "seen: $usual (moves, of which up and down by a page) as UCX is by default, and $without with UCX_MEM_EVENTS=no"
if [ "${usual% *}" -ge 4 ] && [ "${usual#* }" -ge 2 ] && [ "${without#* }" -eq 0 ]; then
  exit 0
fi
echo "CHANGED: $usual and $without"
exit 1
