import { open, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { breathe } from '../../core/index.ts';
import type { ListedWeights } from '../weight-files.ts';
import type { WeightRef } from '../weight-ref.ts';
import type { DecoderConfig } from './decoder-config.ts';

/** Bytes of each matrix that are compared at once. */
const sliceBytes = 4 * 2 ** 20;

export interface HeadSource {
  readonly dir: string;
  readonly listed: ListedWeights;
  /** From the names in the files to those of the configuration. Default: they are the same. */
  readonly rename?: ((name: string) => string) | undefined;
}

/**
 * Unties the head where the files hold another matrix for it than that of the embedding, although the configuration ties the two.
 * transformers 5 computes with the matrix of the file then. A copy of the embedding changes nothing: the head stays tied.
 *
 * @returns the configuration, without `head.weight` if the head has a matrix of its own
 */
export async function withOwnHead(
  config: DecoderConfig,
  { dir, listed, rename = (name) => name }: HeadSource,
): Promise<DecoderConfig> {
  const { weight: tiedTo, ...head } = config.head;
  if (tiedTo === undefined) return config;
  const named = (name: string): WeightRef | undefined =>
    [...listed.tensors].find(([stored]) => rename(stored) === name)?.[1];
  const [own, embedding] = [named(`${head.path}.weight`), named(tiedTo)];
  if (own === undefined || embedding === undefined || (await isSame(dir, own, embedding))) return config;
  return { ...config, head };
}

async function isSame(dir: string, first: WeightRef, second: WeightRef): Promise<boolean> {
  if (first.dtype !== second.dtype || first.shape.join() !== second.shape.join()) return false;
  if (first.location === second.location && first.offset === second.offset) return true;
  await using one = await open(join(dir, first.location));
  await using two = await open(join(dir, second.location));
  for (let start = 0; start < first.length; start += sliceBytes) {
    const length = Math.min(sliceBytes, first.length - start);
    const [a, b] = await Promise.all([
      read(one, first.offset + start, length),
      read(two, second.offset + start, length),
    ]);
    if (!a.equals(b)) return false;
    await breathe();
  }
  return true;
}

/** @returns fewer bytes where the file ends early, which the check of the weights reports */
async function read(file: FileHandle, offset: number, length: number): Promise<Buffer> {
  const { buffer, bytesRead } = await file.read(Buffer.allocUnsafe(length), 0, length, offset);
  return buffer.subarray(0, bytesRead);
}
