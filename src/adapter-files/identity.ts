/**
 * The identity of an adapter: the SHA-256 of its effect on a base, independent of its file. docs/formats/adapter-identity.md describes
 * the hashed bytes. The length of every field comes before it, so that two different adapters never give the same bytes.
 */
import { Sha256 } from '../core/index.ts';
import type { Adapter, ModuleWeights } from '../lora/index.ts';
import { typedArray, type TensorOf } from '../tensor/index.ts';

const version = 'espalier adapter 1\n';

/** Numbers that are multiplied between two turns of the event loop: a fraction of a millisecond. */
const numbersPerSlice = 2 ** 16;

/**
 * The canonical digest of an adapter, in hexadecimal.
 *
 * Modules and saved parameters are sorted by their names. B is multiplied by the scaling, as formats without an alpha store it.
 * Properties that do not change the result do not count: alpha itself, the spelling of ranks and targets, dropout, and the order and
 * the types of the stored tensors.
 */
export async function adapterDigest({ modules, saved }: Pick<Adapter, 'modules' | 'saved'>): Promise<string> {
  const hash = new Sha256();
  await hash.update(Buffer.from(version));
  await hash.update(u32(modules.size));
  for (const [path, weights] of sortedByName(modules)) await hashModule(hash, path, weights);
  await hash.update(u32(saved?.size ?? 0));
  for (const [name, tensor] of sortedByName(saved ?? [])) {
    await hash.update(text(name));
    await hashTensor(hash, tensor);
  }
  return hash.hex();
}

async function hashModule(
  hash: Sha256,
  path: string,
  { kind = 'linear', a, b, scaling, magnitude }: ModuleWeights,
): Promise<void> {
  await hash.update(Buffer.concat([text(path), text(kind)]));
  await hashTensor(hash, a);
  await hashTensor(hash, b, scaling);
  await hash.update(u32(magnitude === undefined ? 0 : 1));
  if (magnitude !== undefined) await hashTensor(hash, magnitude);
}

/** The shape says how many numbers follow. */
async function hashTensor(hash: Sha256, tensor: TensorOf<'float32'>, factor = 1): Promise<void> {
  await hash.update(Buffer.concat([u32(tensor.shape.length), ...tensor.shape.map(u64)]));
  if (factor === 1) return hash.update(tensor.bytes);
  const numbers = typedArray(tensor);
  const scaled = new Float32Array(Math.min(numbers.length, numbersPerSlice));
  for (let start = 0; start < numbers.length; start += numbersPerSlice) {
    const count = Math.min(numbersPerSlice, numbers.length - start);
    for (let i = 0; i < count; i++) scaled[i] = (numbers[start + i] ?? 0) * factor;
    await hash.update(new Uint8Array(scaled.buffer, 0, 4 * count));
  }
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
