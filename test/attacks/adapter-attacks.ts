import { execFileSync } from 'node:child_process';
import { readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { checksumOf } from '../../src/adapter-files/formats/bin/bin-write.ts';
import { formatBinAdapter, formatOnnxAdapter, type StoredAdapter } from '../../src/adapter-files/index.ts';
import { loraMetadata, text as ggufText, tinyGguf, u32, u64 } from '../../src/adapter-files/testing/tiny-gguf.ts';
import { loadSafetensors, tensorOf, writeSafetensors, type TensorData } from '../../src/tensor/index.ts';
import { safetensorsFile, type Attack } from './attack.ts';

const q = 'model.layers.0.self_attn.q_proj';
const peft = `base_model.model.${q}`;
const weightsFile = 'adapter_model.safetensors';
const numbers = (count: number): number[] => Array.from({ length: count }, (_, i) => i / 100);
const a = tensorOf('float32', [2, 32], numbers(64));
const b = tensorOf('float32', [32, 2], numbers(64));

function config(name: string, code: Attack['code'], change: object | string): Attack {
  return {
    name: `adapter_config.json with ${name}`,
    code,
    make: async (dir) => {
      const path = join(dir, 'adapter_config.json');
      const content = JSON.parse(await readFile(path, 'utf8')) as object;
      await writeFile(path, typeof change === 'string' ? change : JSON.stringify({ ...content, ...change }));
    },
  };
}

function tensors(name: string, code: Attack['code'], change: (all: Map<string, TensorData>) => void): Attack {
  return {
    name: `a PEFT folder with ${name}`,
    code,
    make: async (dir) => {
      const { tensors: all, metadata } = await loadSafetensors(join(dir, weightsFile));
      change(all);
      await writeSafetensors(join(dir, weightsFile), all, { metadata });
    },
  };
}

/** PEFT folders. */
export const peftAttacks: readonly Attack[] = [
  config('a text that never ends', 'LORA_CONFIG_INVALID', '{"r":"'),
  config('100,000 brackets', 'LORA_CONFIG_INVALID', '['.repeat(100_000)),
  config('2 MB of spaces', 'LORA_CONFIG_INVALID', ' '.repeat(2_000_000)),
  config('a rank of 10^9', 'LORA_CONFIG_INVALID', { r: 1e9 }),
  config('a rank of -1', 'LORA_CONFIG_INVALID', { r: -1 }),
  config('a rank of text', 'LORA_CONFIG_INVALID', { r: '4' }),
  config(
    'an alpha of 10^400',
    'LORA_CONFIG_INVALID',
    '{"peft_type":"LORA","r":4,"lora_alpha":1e400,"target_modules":["q_proj"]}',
  ),
  config('a dropout of 1', 'LORA_CONFIG_INVALID', { lora_dropout: 1 }),
  config('a pattern that runs for years', 'LORA_PATTERN_INVALID', { target_modules: '(a+)+b|(.*)*x|([a-z.0-9_]+)*!' }),
  config('a pattern that is none', 'LORA_PATTERN_INVALID', { target_modules: '(' }),
  config('an option of the future', 'LORA_CONFIG_UNSUPPORTED', { use_sorcery: true }),
  config('another kind of adapter', 'LORA_CONFIG_INVALID', { peft_type: 'IA3' }),
  config(
    '__proto__ for an option',
    'LORA_CONFIG_UNSUPPORTED',
    '{"peft_type":"LORA","target_modules":["q_proj"],"__proto__":{"r":1}}',
  ),
  config('an option named as a function of JavaScript', 'LORA_CONFIG_UNSUPPORTED', { constructor: 1, toString: 'x' }),
  tensors('a NaN', 'TENSOR_NOT_FINITE', (all) =>
    all.set(`${peft}.lora_A.weight`, tensorOf('float32', [4, 32], numbers(128).fill(NaN))),
  ),
  tensors('numbers that f32 cannot hold', 'TENSOR_NOT_FINITE', (all) =>
    all.set(`${peft}.lora_A.weight`, tensorOf('float64', [4, 32], numbers(128).fill(1e300))),
  ),
  tensors('half of a pair', 'LORA_TENSORS_INVALID', (all) => all.delete(`${peft}.lora_B.weight`)),
  tensors('another rank', 'LORA_TENSORS_INVALID', (all) => all.set(`${peft}.lora_A.weight`, a)),
  tensors('a module that the base lacks', 'LORA_BASE_MISMATCH', (all) =>
    all.set('base_model.model.model.layers.99.self_attn.q_proj.lora_A.weight', a),
  ),
  tensors('another width', 'LORA_BASE_MISMATCH', (all) =>
    all.set(`${peft}.lora_A.weight`, tensorOf('float32', [4, 16], numbers(64))),
  ),
  tensors('integers', 'LORA_TENSORS_INVALID', (all) =>
    all.set(`${peft}.lora_A.weight`, tensorOf('int32', [4, 32], numbers(128))),
  ),
  {
    name: 'a PEFT folder whose header is 9 MB',
    code: 'SAFETENSORS_HEADER_TOO_LARGE',
    make: (dir) => writeFile(join(dir, weightsFile), safetensorsFile(' '.repeat(9_000_000))),
  },
  { name: 'a PEFT folder without weights', code: 'FILE_NOT_FOUND', make: (dir) => rm(join(dir, weightsFile)) },
  {
    name: 'a PEFT folder whose weights are a link out of the folder of adapters',
    code: 'ADAPTER_PATH_OUTSIDE',
    make: async (dir) => {
      await rm(join(dir, weightsFile));
      await symlink('/etc/hostname', join(dir, weightsFile));
    },
  },
  {
    name: 'a PEFT folder whose weights are a pipe',
    code: 'FILE_NOT_FOUND',
    make: async (dir) => {
      await rm(join(dir, weightsFile));
      execFileSync('mkfifo', [join(dir, weightsFile)]);
    },
  },
  {
    name: 'a folder without a configuration',
    code: 'ADAPTER_FORM_FOREIGN',
    make: (dir) => rm(join(dir, 'adapter_config.json')),
  },
];

const parameters = (named: Readonly<Record<string, TensorData>>): Uint8Array =>
  formatOnnxAdapter({ adapterVersion: 1, modelVersion: 1, parameters: new Map(Object.entries(named)) });
const aTurned = tensorOf('float32', [32, 2], numbers(64));
const bTurned = tensorOf('float32', [2, 32], numbers(64));
const names = { A: `${q}.lora_A.weight`, B: `${q}.lora_B.weight` };
const sound = (): Buffer => Buffer.from(parameters({ [names.A]: aTurned, [names.B]: bTurned }));

/** Places in the FlatBuffers file of `sound`, found as a reader finds them. */
function places(bytes: Buffer) {
  const follow = (at: number): number => at + bytes.readUInt32LE(at);
  const field = (table: number, index: number): number =>
    table + bytes.readUInt16LE(table - bytes.readInt32LE(table) + 4 + 2 * index);
  const root = follow(0);
  const list = follow(field(root, 3));
  const first = follow(list + 4);
  return { root, list, first, field, follow, vtable: first - bytes.readInt32LE(first) };
}

function file(name: string, code: Attack['code'], make: () => Uint8Array | Promise<Uint8Array>): Attack {
  return {
    name,
    code,
    make: async (dir) => {
      await rm(dir, { recursive: true });
      await writeFile(dir, await make());
    },
  };
}

/** A sound file with something written into it. */
function flat(name: string, change: (bytes: Buffer, at: ReturnType<typeof places>) => Buffer | void): Attack {
  return file(`an .onnx_adapter with ${name}`, 'ONNX_ADAPTER_MALFORMED', () => {
    const bytes = sound();
    return change(bytes, places(bytes)) ?? bytes;
  });
}

function onnx(name: string, code: Attack['code'], named: Readonly<Record<string, TensorData>>): Attack {
  return file(`an .onnx_adapter with ${name}`, code, () => parameters(named));
}

/** FlatBuffers. */
export const onnxAdapterAttacks: readonly Attack[] = [
  flat('nothing but its identifier', (bytes) => bytes.subarray(0, 8)),
  flat('a root beyond the file', (bytes) => void bytes.writeUInt32LE(0x7fffffff, 0)),
  flat('a root at an odd place', (bytes, { root }) => void bytes.writeUInt32LE(root + 1, 0)),
  flat('a root that is itself', (bytes) => void bytes.writeUInt32LE(0, 0)),
  flat('a vtable before the file', (bytes, { root }) => void bytes.writeInt32LE(0x7ffffff0, root)),
  flat('a vtable behind the file', (bytes, { root }) => void bytes.writeInt32LE(-0x7ffffff0, root)),
  flat('a vtable of 65,535 bytes', (bytes, { vtable }) => void bytes.writeUInt16LE(0xfffe, vtable)),
  flat('a vtable of an odd length', (bytes, { vtable }) => void bytes.writeUInt16LE(5, vtable)),
  flat('a table of 2 bytes', (bytes, { vtable }) => void bytes.writeUInt16LE(2, vtable + 2)),
  flat('a field outside its table', (bytes, { vtable }) => void bytes.writeUInt16LE(0xfff0, vtable + 4)),
  flat('2^32 - 1 parameters', (bytes, { list }) => void bytes.writeUInt32LE(0xffffffff, list)),
  flat(
    'a parameter twice',
    (bytes, { list, follow }) => void bytes.writeUInt32LE(follow(list + 4) - (list + 8), list + 8),
  ),
  flat(
    'a name of 4 GB',
    (bytes, { first, field, follow }) => void bytes.writeUInt32LE(0xfffffff0, follow(field(first, 0))),
  ),
  flat('a name without an end', (bytes, { first, field, follow }) => {
    const name = follow(field(first, 0));
    bytes[name + 4 + bytes.readUInt32LE(name)] = 0x41;
  }),
  flat(
    'a dimension of -1',
    (bytes, { first, field, follow }) => void bytes.writeBigInt64LE(-1n, follow(field(first, 1)) + 4),
  ),
  flat(
    'a dimension of 10^9',
    (bytes, { first, field, follow }) => void bytes.writeBigInt64LE(1_000_000_000n, follow(field(first, 1)) + 4),
  ),
  flat(
    'a million dimensions',
    (bytes, { first, field, follow }) => void bytes.writeUInt32LE(1_000_000, follow(field(first, 1))),
  ),
  flat('the element type 99', (bytes, { first, field }) => void bytes.writeInt32LE(99, field(first, 2))),
  flat('texts for numbers', (bytes, { first, field }) => void bytes.writeInt32LE(8, field(first, 2))),
  flat(
    'more data than its dimensions',
    (bytes, { first, field, follow }) => void bytes.writeUInt32LE(260, follow(field(first, 3))),
  ),
  flat('the format version 9', (bytes, { root, field }) => void bytes.writeInt32LE(9, field(root, 0))),
  flat('half of it missing', (bytes) => bytes.subarray(0, bytes.length / 2)),
  file('a thousand parameters on the same bytes', 'ONNX_ADAPTER_MALFORMED', sharedParameters),
  onnx('no parameters', 'ONNX_ADAPTER_MALFORMED', {}),
  onnx('half of a pair', 'ADAPTER_NAMES_UNKNOWN', { [names.A]: aTurned }),
  onnx('names that say nothing', 'ADAPTER_NAMES_UNKNOWN', { x: aTurned, y: bTurned }),
  onnx('a module that the base lacks', 'LORA_BASE_MISMATCH', {
    'x.lora_A.weight': aTurned,
    'x.lora_B.weight': bTurned,
  }),
  onnx('matrices that were not turned', 'ONNX_ADAPTER_MALFORMED', { [names.A]: bTurned, [names.B]: bTurned }),
  onnx('another width than the base', 'LORA_BASE_MISMATCH', {
    [names.A]: tensorOf('float32', [4, 2], numbers(8)),
    [names.B]: bTurned,
  }),
  onnx('integers', 'DTYPE_UNSUPPORTED', { [names.A]: tensorOf('int32', [32, 2], numbers(64)), [names.B]: bTurned }),
  onnx('a rank of 0', 'ONNX_ADAPTER_MALFORMED', {
    [names.A]: tensorOf('float32', [32, 0], []),
    [names.B]: tensorOf('float32', [0, 32], []),
  }),
  onnx('an infinity', 'TENSOR_NOT_FINITE', {
    [names.A]: aTurned,
    [names.B]: tensorOf('float32', [2, 32], numbers(64).fill(Infinity)),
  }),
];

/** Each parameter has a table of its own, and all point to the data of the first. */
function sharedParameters(): Uint8Array {
  const named = Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [`p${i}`, tensorOf('float32', [1], [i])]));
  const big = tensorOf('float32', [25_000], numbers(25_000));
  const bytes = Buffer.from(parameters({ big, ...named }));
  const { list, first, field, follow } = places(bytes);
  for (let i = 1; i <= 1000; i++) {
    const table = follow(list + 4 + 4 * i);
    // WHY only some: offsets point forward, and the first table may lie before or behind another.
    const [data, dims] = [follow(field(first, 3)) - field(table, 3), follow(field(first, 1)) - field(table, 1)];
    if (data > 0) bytes.writeUInt32LE(data, field(table, 3));
    if (dims > 0) bytes.writeUInt32LE(dims, field(table, 1));
  }
  return bytes;
}

const stored: StoredAdapter = {
  config: { rank: 2, alpha: 4, dropout: 0, targetModules: ['q_proj', 'k_proj'] },
  modules: new Map([
    [q, { rank: 2, scaling: 2, a, b }],
    ['model.layers.0.self_attn.k_proj', { rank: 2, scaling: 2, a, b: tensorOf('float32', [16, 2], numbers(32)) }],
  ]),
  baseName: undefined,
};

const [header, entry] = [128, 64];

/** A sound file with something written into it, and its checksum made anew. */
function bin(
  name: string,
  change: (bytes: Buffer) => Buffer | void,
  code: Attack['code'] = 'BIN_ADAPTER_MALFORMED',
): Attack {
  return file(`a .bin with ${name}`, code, async () => {
    const bytes = Buffer.from(await formatBinAdapter(stored));
    const changed = change(bytes) ?? bytes;
    if (changed.length >= header) changed.set(await checksumOf(changed), 64);
    return changed;
  });
}

/** Our own format. */
export const binAttacks: readonly Attack[] = [
  bin('nothing but its magic', (bytes) => bytes.subarray(0, 8)),
  bin('version 2', (bytes) => void bytes.writeUInt32LE(2, 8)),
  bin('the other byte order', (bytes) => void bytes.writeUInt32BE(0x01020304, 12)),
  bin('another length than it says', (bytes) => Buffer.concat([bytes, Buffer.alloc(4)])),
  bin('no targets', (bytes) => void bytes.writeUInt32LE(0, 24)),
  bin('2^32 - 1 targets', (bytes) => void bytes.writeUInt32LE(0xffffffff, 24)),
  bin('unknown flags', (bytes) => void bytes.writeUInt32LE(2, 28)),
  bin('the flag of another scale', (bytes) => void bytes.writeUInt32LE(1, 28)),
  bin('a configuration of 4 GB', (bytes) => void bytes.writeUInt32LE(0xffffffff, 32)),
  bin('names of 4 GB', (bytes) => void bytes.writeUInt32LE(0xffffffff, 36)),
  bin('data at an offset of its own', (bytes) => void bytes.writeBigUInt64LE(64n, 40)),
  bin('a byte hidden in its header', (bytes) => void bytes.writeUInt8(1, 50)),
  bin('names out of order', (bytes) => {
    const [first, second] = [bytes.readUInt32LE(header + 4), bytes.readUInt32LE(header + entry + 4)];
    const at = header + 2 * entry;
    bytes.copy(bytes, at, at + first, at + first + second);
  }),
  bin('a name that begins elsewhere', (bytes) => void bytes.writeUInt32LE(7, header)),
  bin('a name that is not UTF-8', (bytes) => void bytes.writeUInt8(0xff, header + 2 * entry)),
  bin('a line break in a name', (bytes) => void bytes.writeUInt8(0x0a, header + 2 * entry)),
  bin('a rank of 0', (bytes) => void bytes.writeUInt32LE(0, header + 8)),
  bin('a rank of 2^32 - 1', (bytes) => void bytes.writeUInt32LE(0xffffffff, header + 8)),
  bin('another width than its length', (bytes) => void bytes.writeUInt32LE(33, header + 12)),
  bin('an unknown kind', (bytes) => void bytes.writeUInt32LE(7, header + 20)),
  bin('an alpha of NaN', (bytes) => void bytes.writeDoubleLE(NaN, header + 24)),
  bin('an alpha that its configuration has not', (bytes) => void bytes.writeDoubleLE(5, header + 24)),
  bin('a matrix at 2^63', (bytes) => void bytes.writeBigUInt64LE(2n ** 63n, header + 32)),
  bin(
    'two matrices on the same bytes',
    (bytes) => void bytes.writeBigUInt64LE(bytes.readBigUInt64LE(header + 32), header + 40),
  ),
  bin('a NaN', (bytes) => void bytes.writeFloatLE(NaN, bytes.length - 4), 'TENSOR_NOT_FINITE'),
  bin('half of it missing', (bytes) => bytes.subarray(0, bytes.length / 2)),
  file('a .bin with one bit turned', 'BIN_ADAPTER_MALFORMED', async () => {
    const bytes = await formatBinAdapter(stored);
    bytes[bytes.length - 1] = (bytes[bytes.length - 1] ?? 0) ^ 1;
    return bytes;
  }),
];

const pair = (name: string, first: TensorData, second: TensorData) =>
  [[`${name}.lora_a`, first] as const, [`${name}.lora_b`, second] as const] as const;
const v = tensorOf('float32', [16, 2], numbers(32));
const gguf = (metadata: Parameters<typeof tinyGguf>[0]['metadata'] = loraMetadata): Buffer =>
  Buffer.from(tinyGguf({ metadata, tensors: pair('blk.0.attn_v.weight', a, v) }));
const manyKeys = (count: bigint, tensorCount = 0n): Buffer =>
  Buffer.concat([Buffer.from('GGUF'), u32(3), u64(tensorCount), u64(count)]);

/** Files of llama.cpp. */
export const ggufAttacks: readonly Attack[] = [
  file('a GGUF that is a model', 'GGUF_UNSUPPORTED', () => gguf({ ...loraMetadata, 'general.type': 'model' })),
  file('a GGUF of version 1', 'GGUF_UNSUPPORTED', () =>
    Buffer.from(tinyGguf({ metadata: loraMetadata, tensors: [], version: 1 })),
  ),
  file('a GGUF of 2^64 - 1 keys', 'GGUF_MALFORMED', () => manyKeys(2n ** 64n - 1n)),
  file('a GGUF of 10^9 tensors', 'GGUF_MALFORMED', () => manyKeys(0n, 1_000_000_000n)),
  file('a GGUF with a key of 2^40 letters', 'GGUF_MALFORMED', () =>
    Buffer.concat([manyKeys(1n), u64(2n ** 40n), Buffer.alloc(64)]),
  ),
  file('a GGUF with an array of 2^40 values', 'GGUF_MALFORMED', () =>
    Buffer.concat([manyKeys(1n), ggufText('x'), u32(9), u32(4), u64(2n ** 40n), Buffer.alloc(64)]),
  ),
  file('a GGUF with arrays in arrays', 'GGUF_MALFORMED', () =>
    Buffer.concat([
      manyKeys(1n),
      ggufText('x'),
      ...Array.from({ length: 5000 }, () => Buffer.concat([u32(9), u32(9), u64(1)])),
    ]),
  ),
  file('a GGUF with a value of an unknown type', 'GGUF_MALFORMED', () =>
    Buffer.concat([manyKeys(1n), ggufText('x'), u32(77), Buffer.alloc(64)]),
  ),
  file('a GGUF with an alignment of 3', 'GGUF_MALFORMED', () =>
    gguf({ ...loraMetadata, 'general.alignment': { type: 4, bytes: u32(3) } }),
  ),
  file('a GGUF with a quantized tensor', 'GGUF_UNSUPPORTED', () =>
    Buffer.from(
      tinyGguf({ metadata: loraMetadata, tensors: pair('blk.0.attn_v.weight', a, { ...v, dtype: 'uint4' }) }),
    ),
  ),
  file('a GGUF with a tensor twice', 'GGUF_MALFORMED', () =>
    Buffer.from(
      tinyGguf({ metadata: loraMetadata, tensors: [...pair('output.weight', a, v), ...pair('output.weight', a, v)] }),
    ),
  ),
  file('a GGUF that is cut off', 'GGUF_MALFORMED', () => gguf().subarray(0, -40)),
  file('a GGUF with an alpha of NaN', 'GGUF_UNSUPPORTED', () => gguf({ ...loraMetadata, 'adapter.lora.alpha': NaN })),
  file('a GGUF with queries, of heads that nobody says', 'GGUF_UNSUPPORTED', () =>
    Buffer.from(tinyGguf({ metadata: loraMetadata, tensors: pair('blk.0.attn_q.weight', a, b) })),
  ),
  file('a GGUF with a NaN', 'TENSOR_NOT_FINITE', () =>
    Buffer.from(
      tinyGguf({
        metadata: loraMetadata,
        tensors: pair('blk.0.attn_v.weight', a, tensorOf('float32', [16, 2], numbers(32).fill(NaN))),
      }),
    ),
  ),
  file('a GGUF for layer 10^9', 'LORA_BASE_MISMATCH', () =>
    Buffer.from(tinyGguf({ metadata: loraMetadata, tensors: pair('blk.1000000000.attn_v.weight', a, v) })),
  ),
  file('a file of nothing', 'ADAPTER_FORMAT_UNKNOWN', () => Buffer.alloc(0)),
  file('a file of zeros', 'ADAPTER_FORMAT_UNKNOWN', () => Buffer.alloc(4096)),
  file('a pickle of Python', 'ADAPTER_FORM_FOREIGN', () => Buffer.from('80027d7100580800', 'hex')),
];
