import { createHash } from 'node:crypto';
import { decode, encode } from '@msgpack/msgpack';

/** The name of the index in the folder of a checkpoint. */
export const indexName = 'index.msgpack';

/** The version of the format that this code writes and reads. */
const formatVersion = 1;

/** How the numbers of a part are stored; little-endian. `bytes`: the part is a file of another format, as it is. */
export const partTypes = { bytes: 1, float32: 4, float64: 8 } as const;
export type PartType = keyof typeof partTypes;

/** WHY no other letters: a name from a file must not lead out of its folder. */
const fileName = /^[A-Za-z0-9][A-Za-z0-9_-]*\.[a-z0-9]+$/;

const indexKeys = new Set(['format', 'version', 'kind', 'state', 'parts']);
const partKeys = new Set(['name', 'file', 'type', 'bytes', 'sha256']);

/** One file of a checkpoint besides the index. */
export interface CheckpointPart {
  readonly name: string;
  readonly file: string;
  readonly type: PartType;
  readonly bytes: number;
  readonly sha256: Uint8Array;
}

export interface CheckpointIndex {
  /** What is stored: the kind of the state. */
  readonly kind: string;
  /** Plain data of the kind. Its reader checks it. */
  readonly state: unknown;
  readonly parts: readonly CheckpointPart[];
}

/** 0xc4 0x20: a byte string of 32 bytes in msgpack. */
const digestHead = Buffer.from([0xc4, 0x20]);
const digestBytes = digestHead.length + 32;

/**
 * Encodes an index: one object of msgpack, and after it the SHA-256 of that object's bytes as a byte string. Any reader of msgpack
 * reads both.
 */
export function encodeIndex({ kind, state, parts }: CheckpointIndex): Uint8Array {
  const body = encode(
    { format: 'espalier-checkpoint', version: formatVersion, kind, state, parts },
    { ignoreUndefined: true },
  );
  return Buffer.concat([body, digestHead, createHash('sha256').update(body).digest()]);
}

/**
 * Decodes an index. Nothing of it is parsed before its hash is checked.
 * @returns the index, or a sentence that says why it is refused
 */
export function decodeIndex(bytes: Uint8Array): CheckpointIndex | string {
  if (bytes.length <= digestBytes) return `${indexName} is cut off`;
  const body = bytes.subarray(0, bytes.length - digestBytes);
  const expected = Buffer.concat([digestHead, createHash('sha256').update(body).digest()]);
  if (!expected.equals(bytes.subarray(body.length))) return `${indexName} does not have the hash that it names`;
  const found = parse(body);
  if (!isMap(found)) return `${indexName} is not an index: it is no map`;
  const { format, version, kind, state, parts } = found;
  if (typeof version === 'number' && version > formatVersion) {
    return `${indexName} has version ${version} of the format, and this Espalier reads version ${formatVersion}`;
  }
  const isOurs = format === 'espalier-checkpoint' && version === formatVersion && hasOnly(found, indexKeys);
  if (!isOurs) return `${indexName} is not an index: it has another format or other keys`;
  if (typeof kind !== 'string' || kind === '') return `${indexName} is not an index: kind is no name`;
  if (!Array.isArray(parts)) return `${indexName} is not an index: parts is no list`;
  const wrong = parts.findIndex((part) => !isPart(part));
  if (wrong >= 0) return `${indexName} is not an index: part ${wrong} does not describe a file`;
  const sound = parts.filter(isPart);
  for (const names of [sound.map(({ name }) => name), sound.map(({ file }) => file)]) {
    if (new Set(names).size < names.length) return `${indexName} names a part twice`;
  }
  return { kind, state, parts: sound };
}

/** WHY not by a schema of zod: its first use compiles, which took 3 of the 7 ms of processor time that opening a checkpoint took. */
function isPart(part: unknown): part is CheckpointPart {
  if (!isMap(part) || !hasOnly(part, partKeys)) return false;
  const { name, file, type, bytes, sha256 } = part;
  return (
    typeof name === 'string' &&
    name !== '' &&
    typeof file === 'string' &&
    fileName.test(file) &&
    typeof type === 'string' &&
    Object.hasOwn(partTypes, type) &&
    Number.isSafeInteger(bytes) &&
    Number(bytes) >= 0 &&
    sha256 instanceof Uint8Array &&
    sha256.length === 32
  );
}

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function hasOnly(map: Readonly<Record<string, unknown>>, keys: ReadonlySet<string>): boolean {
  return Object.keys(map).every((key) => keys.has(key));
}

function parse(body: Uint8Array): unknown {
  try {
    return decode(body);
  } catch {
    return undefined;
  }
}
