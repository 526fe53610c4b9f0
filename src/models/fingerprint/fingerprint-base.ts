import { open, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { EspalierError, Sha256 } from '../../core/index.ts';
import type { BaseModel } from '../base-model.ts';
import type { StoredTensor } from '../stored-tensors.ts';
import { sampleTensor } from './sample-tensor.ts';

/**
 * The fingerprint of a base: `checkpoint-1:` and a SHA-256 in hexadecimal over the names, shapes and samples of all tensors in its files
 * (docs/formats/base-fingerprint.md). It depends neither on the distribution of the tensors over files nor on the configuration. If the
 * files contain the fingerprint of another base, from which they were quantized, the result is that fingerprint.
 *
 * It takes milliseconds for a base of any size. It distinguishes bases, but proves nothing: a change of a few numbers between the
 * samples is not noticed.
 *
 * @throws EspalierError FILE_NOT_FOUND, MODEL_WEIGHTS_MISMATCH if a file has become shorter
 */
export async function fingerprintBase({ dir, stored }: Pick<BaseModel, 'dir' | 'stored'>): Promise<string> {
  if (stored.fingerprint !== undefined) return stored.fingerprint;
  const samples = new Map<string, Uint8Array>();
  for (const [name, tensor] of stored.tensors) {
    if ('bytes' in tensor) samples.set(name, await sampleTensor(tensor, partOf(tensor.bytes)));
  }
  for (const location of stored.locations)
    await sampleFile(join(dir, location), inFile(stored.tensors, location), samples);
  const hash = new Sha256();
  await hash.update(Buffer.from('espalier base 1\n'));
  for (const [name, sample] of [...samples].sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)))) {
    await hash.update(Buffer.from(`${JSON.stringify([name, stored.tensors.get(name)?.shape])}\n`));
    await hash.update(sample);
  }
  const isQuantized = [...stored.tensors.values()].some(({ dtype }) => packed.has(dtype));
  return `${stored.form}${isQuantized ? '-quantized' : ''}-1:${hash.hex()}`;
}

/** The element types of quantized matrices. */
const packed: ReadonlySet<string> = new Set(['uint8', 'int8', 'uint4', 'int4']);

type InFile = Extract<StoredTensor, { readonly location: string }>;

/** The tensors of a file, ordered by offset, because a disk reads sequentially fastest. */
function inFile(tensors: ReadonlyMap<string, StoredTensor>, location: string): [string, InFile][] {
  return [...tensors]
    .flatMap(([name, tensor]): [string, InFile][] =>
      'location' in tensor && tensor.location === location ? [[name, tensor]] : [],
    )
    .sort(([, a], [, b]) => a.offset - b.offset);
}

async function sampleFile(
  path: string,
  tensors: readonly (readonly [string, InFile])[],
  samples: Map<string, Uint8Array>,
): Promise<void> {
  await using file = await open(path).catch((cause: unknown) => {
    throw new EspalierError('FILE_NOT_FOUND', { what: 'file of weights', path }, { cause });
  });
  for (const [name, tensor] of tensors) {
    const read = (offset: number, length: number): Promise<Uint8Array> =>
      readExactly(file, { path, position: tensor.offset + offset, length });
    samples.set(name, await sampleTensor(tensor, read));
  }
}

async function readExactly(
  file: FileHandle,
  { path, position, length }: { readonly path: string; readonly position: number; readonly length: number },
): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  for (let done = 0; done < length;) {
    const { bytesRead } = await file.read(bytes, done, length - done, position + done);
    if (bytesRead === 0)
      throw new EspalierError('MODEL_WEIGHTS_MISMATCH', { dir: path, problems: 'it has become shorter' });
    done += bytesRead;
  }
  return bytes;
}

function partOf(bytes: Uint8Array) {
  return (offset: number, length: number): Uint8Array => bytes.subarray(offset, offset + length);
}
