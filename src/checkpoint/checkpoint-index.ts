import { createHash } from 'node:crypto';
import { decode, encode } from '@msgpack/msgpack';
import { z } from 'zod';

/** The name of the index in the folder of a checkpoint. */
export const indexName = 'index.msgpack';

/** The version of the format that this code writes and reads. */
const formatVersion = 1;

/** How the numbers of a part are stored; little-endian. `bytes`: the part is a file of another format, as it is. */
export const partTypes = { bytes: 1, float32: 4, float64: 8 } as const;
export type PartType = keyof typeof partTypes;

const count = z.number().int().nonnegative();

const partSchema = z.strictObject({
  name: z.string().min(1),
  // WHY no other letters: a name from a file must not lead out of its folder.
  file: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_-]*\.[a-z0-9]+$/),
  type: z.enum(['bytes', 'float32', 'float64']),
  bytes: count,
  sha256: z.instanceof(Uint8Array).refine((digest) => digest.length === 32),
});

/** One file of a checkpoint besides the index. */
export type CheckpointPart = z.output<typeof partSchema>;

const indexSchema = z.strictObject({
  format: z.literal('espalier-checkpoint'),
  version: z.literal(formatVersion),
  /** What is stored: the kind of the state. */
  kind: z.string().min(1),
  /** Plain data of the kind. Its reader checks it. */
  state: z.unknown(),
  parts: z.array(partSchema),
});

export interface CheckpointIndex {
  readonly kind: string;
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
  const version = typeof found === 'object' && found !== null ? (Reflect.get(found, 'version') as unknown) : undefined;
  if (typeof version === 'number' && version > formatVersion) {
    return `${indexName} has version ${version} of the format, and this Espalier reads version ${formatVersion}`;
  }
  const { success, data, error } = indexSchema.safeParse(found);
  if (!success) return `${indexName} is not an index: ${error.issues[0]?.path.join('.')} ${error.issues[0]?.message}`;
  const { kind, state, parts } = data;
  for (const names of [parts.map(({ name }) => name), parts.map(({ file }) => file)]) {
    if (new Set(names).size < names.length) return `${indexName} names a part twice`;
  }
  return { kind, state, parts };
}

function parse(body: Uint8Array): unknown {
  try {
    return decode(body);
  } catch {
    return undefined;
  }
}
