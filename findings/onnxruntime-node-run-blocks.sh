#!/usr/bin/env bash
# onnxruntime-node: `await session.run()` stops the event loop for as long as the model runs.
#
# Packages: onnxruntime-node 1.30.0 (npm); the script writes its model itself.
# Expected: an asynchronous function that does its work in native code lets timers and sockets
#   go on meanwhile.
# Seen: the promise is returned at once, and the run itself then happens on the main thread, in
#   one piece. A timer of 1 ms fires at most a few times in a run of hundreds of milliseconds.
# Why it matters: a server on onnxruntime-node answers nobody (no health check, no other
#   request, no piece of a stream) while one request runs. A worker thread keeps it responsive.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --ignore-scripts 'onnxruntime-node@1.30.0'
cat > finding.mjs <<'JAVASCRIPT'
import { readFileSync } from 'node:fs';
import ort from 'onnxruntime-node';

// An ONNX model by hand: a protobuf field is its number and wire type, then a varint or a length and bytes.
const varint = (value) => (value < 128 ? [value] : [(value & 127) | 128, ...varint(value >>> 7)]);
const number = (field, value) => [...varint(field << 3), ...varint(value)];
const bytes = (field, content) => [...varint((field << 3) | 2), ...varint(content.length), ...content];
const text = (field, value) => bytes(field, [...Buffer.from(value)]);

const SIZE = 1024;
const LAYERS = 24;
const valueInfo = (name) => {
  const shape = [SIZE, SIZE].flatMap((size) => bytes(1, number(1, size)));
  return [...text(1, name), ...bytes(2, bytes(1, [...number(1, 1), ...bytes(2, shape)]))];
};
const nodes = Array.from({ length: LAYERS }, (_, at) =>
  bytes(1, [...text(1, `h${at}`), ...text(1, 'h0'), ...text(2, `h${at + 1}`), ...text(4, 'MatMul')]),
).flat();
const graph = [...nodes, ...text(2, 'graph'), ...bytes(11, valueInfo('h0')), ...bytes(12, valueInfo(`h${LAYERS}`))];
const model = Uint8Array.from([...number(1, 8), ...bytes(7, graph), ...bytes(8, number(2, 17))]);

const session = await ort.InferenceSession.create(model, { intraOpNumThreads: 1 });
const h0 = new ort.Tensor('float32', new Float32Array(SIZE * SIZE), [SIZE, SIZE]);
let ticks = 0;
const timer = setInterval(() => ticks++, 1);
await new Promise((resolve) => setTimeout(resolve, 20));
ticks = 0;
const start = performance.now();
const run = session.run({ h0 });
const returned = performance.now() - start;
await run;
const took = performance.now() - start;
clearInterval(timer);

const { version } = JSON.parse(readFileSync('node_modules/onnxruntime-node/package.json', 'utf8'));
console.log('onnxruntime-node', version, '| node', process.version);
console.log(`run() returned its promise after ${returned.toFixed(1)} ms and ended after ${took.toFixed(0)} ms`);
console.log('expected: hundreds of ticks of a timer of 1 ms; seen:', ticks);
if (took < 100 || ticks > 5) {
  console.log(took < 100 ? 'CHANGED: the run is too short to tell' : 'CHANGED: the event loop went on');
  process.exit(1);
}
console.log('The finding holds.');
JAVASCRIPT
node finding.mjs
