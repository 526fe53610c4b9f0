/**
 * The identity of an adapter: the SHA-256 of its effect on a base, independent of its file. docs/formats/adapter-identity.md describes
 * the hashed bytes. The length of every field comes before it, so that two different adapters never give the same bytes.
 */
import { createHash } from 'node:crypto';
import type { Adapter } from '../lora/index.ts';
import { assertFinite, type TensorOf, toFloat32 } from '../tensor/index.ts';
import { digestTensors } from './digest/digest-tensors.ts';
import type { TensorDigest } from './digest/tensor-digest.js';

const version = 'espalier adapter 2\n';

type Content = Pick<Adapter, 'modules' | 'saved'>;

/** One field of what is hashed: bytes, or a tensor each of whose numbers counts times the factor. */
type Field = Uint8Array | { readonly tensor: TensorOf<'float32'>; readonly factor: number };

/**
 * The canonical digest of an adapter, in hexadecimal.
 *
 * Modules and saved parameters are sorted by their names. B is multiplied by the scaling, as formats without an alpha store it.
 * Properties that do not change the result do not count: alpha itself, the spelling of ranks and targets, dropout, and the order and
 * the types of the stored tensors. The numbers of each tensor are hashed for themselves, so that several threads can share them.
 */
export async function adapterDigest(content: Content): Promise<string> {
  const fields = [...fieldsOf(content)];
  return hashOf(fields, await digestsOf(fields));
}

/**
 * As `adapterDigest`, and checks in the same pass that every number is finite.
 *
 * @param nameOf  what an error calls a tensor
 * @throws EspalierError TENSOR_NOT_FINITE
 */
export async function checkedDigest(
  content: Content,
  nameOf: (tensor: TensorOf<'float32'>) => string,
): Promise<string> {
  const fields = [...fieldsOf(content)];
  const digests = await digestsOf(fields);
  for (const [index, { tensor }] of tensorsOf(fields).entries()) {
    // WHY again: the error names the first such number.
    if (digests[index]?.isFinite !== true) await assertFinite(tensor, nameOf(tensor));
  }
  return hashOf(fields, digests);
}

function* fieldsOf({ modules, saved }: Content): Iterable<Field> {
  yield Buffer.from(version);
  yield u32(modules.size);
  for (const [path, { kind = 'linear', a, b, scaling, magnitude }] of sortedByName(modules)) {
    yield text(path);
    yield text(kind);
    yield { tensor: a, factor: 1 };
    yield { tensor: b, factor: scaling };
    yield u32(magnitude === undefined ? 0 : 1);
    if (magnitude !== undefined) yield { tensor: magnitude, factor: 1 };
  }
  const biases = [...modules].flatMap(([path, { bias, scaling }]) =>
    bias === undefined ? [] : [[`${path}.lora_bias`, { tensor: bias, factor: scaling }] as const],
  );
  const whole = [...(saved ?? [])].map(([name, tensor]) => [name, { tensor, factor: 1 }] as const);
  yield u32(whole.length + biases.length);
  for (const [name, tensor] of sortedByName([...whole, ...biases])) {
    yield text(name);
    yield tensor;
  }
}

function tensorsOf(fields: readonly Field[]): Exclude<Field, Uint8Array>[] {
  return fields.flatMap((field) => (field instanceof Uint8Array ? [] : [field]));
}

/** In the order of the tensors among the fields. */
function digestsOf(fields: readonly Field[]): Promise<readonly TensorDigest[]> {
  return digestTensors(tensorsOf(fields).map(({ tensor, factor }) => ({ numbers: toFloat32(tensor), factor })));
}

/** WHY joined first: an adapter has hundreds of fields of a few bytes, and each call of the hash costs more than they do. */
function hashOf(fields: readonly Field[], digests: readonly TensorDigest[]): string {
  const parts: Uint8Array[] = [];
  let next = 0;
  for (const field of fields) {
    if (field instanceof Uint8Array) parts.push(field);
    else parts.push(...tensorFields(field.tensor, digests[next++]));
  }
  return createHash('sha256').update(Buffer.concat(parts)).digest('hex');
}

function tensorFields({ shape }: TensorOf<'float32'>, digest: TensorDigest | undefined): Uint8Array[] {
  if (digest === undefined) throw new TypeError('a tensor has no digest');
  return [u32(shape.length), ...shape.map(u64), Buffer.from(digest.sha256, 'hex')];
}

function sortedByName<T>(entries: Iterable<readonly [string, T]>): (readonly [string, T])[] {
  return [...entries].sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([u32(bytes.length), bytes]);
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

function u64(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}
