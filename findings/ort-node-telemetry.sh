#!/usr/bin/env bash
# onnxruntime-node on Linux: the first session begins to report usage to a host of its maker, and gives the
# device an identifier that stays.
#
# Packages: onnxruntime-node 1.30.0 and its onnxruntime-common, from npm, on Node.
# Expected: a library that runs models on one's own machine opens nothing but the model, or asks first.
# Seen: creating one session writes a database, an identifier of the device and an SDK's log (in the
#   temporary folder), and the library holds the address to which its thread reports. Nothing is printed.
#   With ORT_DISABLE_TELEMETRY=1 none of these files appear.
# Why it matters: machines without a way to the internet wait for names that nobody answers, and a program
#   that unloads the library at its end was seen to hang there: it waited for the thread, which waited for the lock of
#   the dynamic loader to look the host up.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init --yes >/dev/null
export ONNXRUNTIME_NODE_INSTALL=skip
npm install --silent --no-audit --no-fund onnxruntime-node@1.30.0 >/dev/null

# y = x + x, as the bytes of an ONNX file.
cat > one-session.cjs <<'JAVASCRIPT'
const ort = require('onnxruntime-node');
const text = (field, value) => Buffer.concat([Buffer.from([(field << 3) | 2, value.length]), Buffer.from(value)]);
const number = (field, value) => Buffer.from([field << 3, value]);
const tensorType = text(1, Buffer.concat([number(1, 1), text(2, text(1, number(1, 1)))]));
const value = (name) => Buffer.concat([text(1, name), text(2, tensorType)]);
const node = Buffer.concat([text(1, 'x'), text(1, 'x'), text(2, 'y'), text(4, 'Add')]);
const graph = Buffer.concat([text(1, node), text(2, 'g'), text(11, value('x')), text(12, value('y'))]);
const model = Buffer.concat([number(1, 8), text(7, graph), text(8, number(2, 13))]);
(async () => {
  const session = await ort.InferenceSession.create(new Uint8Array(model));
  const { y } = await session.run({ x: new ort.Tensor('float32', [2], [1]) });
  if (y.data[0] !== 4) throw new Error(String(y.data));
})();
JAVASCRIPT

files() { # the names of what a run leaves, without numbers of processes
  local home=$1
  shift
  mkdir -p "$home/tmp"
  env -u XDG_CACHE_HOME "$@" HOME="$home" TMPDIR="$home/tmp" timeout 60 node one-session.cjs >&2
  (cd "$home" && find . -type f) | sed -E 's/[0-9]{2,}/N/; s|.*/||' | sort -u | tr '\n' ' '
}
usual=$(files "$folder/usual" -u ORT_DISABLE_TELEMETRY)
without=$(files "$folder/without" ORT_DISABLE_TELEMETRY=1)
library=$(find node_modules -path '*linux/x64/libonnxruntime.so.1' | head -1)
host=$(grep -aoE 'https://[a-z.]*events\.data\.microsoft\.com' "$library" | sort -u | head -1)
echo 'onnxruntime-node 1.30.0'
echo 'expected: no files'
echo "seen: by default: ${usual:-none}; with ORT_DISABLE_TELEMETRY=1: ${without:-none}; an address in the library: ${host:-none}"
case "$usual" in
  *deviceid*) if [ -z "$without" ] && [ -n "$host" ]; then exit 0; fi ;;
esac
echo 'CHANGED'
exit 1
