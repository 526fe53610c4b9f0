import { basename, join } from 'node:path';
import { z } from 'zod';

import { EspalierError } from '../core/index.ts';
import { openSafetensors } from '../tensor/index.ts';
import { hintAt } from './explain-missing.ts';
import { fingerprintKey, readFingerprint } from './fingerprint/fingerprint-text.ts';
import { parseWith } from './parse-with.ts';
import { readJsonIfPresent } from './read-json.ts';
import type { StoredTensors } from './stored-tensors.ts';
import type { WeightRef } from './weight-ref.ts';

/** All tensors in the safetensors files of a folder. */
export interface ListedWeights extends StoredTensors {
  readonly tensors: ReadonlyMap<string, WeightRef>;
}

const shardIndex = z.looseObject({ weight_map: z.record(z.string(), z.string()) });

/**
 * Lists every tensor of `model.safetensors`, or of the shards that `model.safetensors.index.json` names. Only headers are read.
 *
 * @throws EspalierError MODEL_WEIGHTS_NOT_FOUND; MODEL_CONFIG_INVALID for a broken index; MODEL_WEIGHTS_MISMATCH if the index and the
 *   shards disagree; the errors of `openSafetensors`
 */
export async function listWeights(dir: string): Promise<ListedWeights> {
  const indexPath = join(dir, 'model.safetensors.index.json');
  const index = await readJsonIfPresent(indexPath);
  if (index === undefined) return listed([await listFile(dir, 'model.safetensors')]);
  const { weight_map: places } = parseWith(shardIndex, index, indexPath);
  const shards = [...new Set(Object.values(places))].sort();
  const outside = shards.find((shard) => shard !== basename(shard) || shard === '..');
  if (outside !== undefined) {
    const problems = `the shard ${outside} is not a plain file name`;
    throw new EspalierError('MODEL_CONFIG_INVALID', { path: indexPath, problems });
  }
  const files = await Promise.all(shards.map((shard) => listFile(dir, shard)));
  checkIndex(dir, { places: new Map(Object.entries(places)), listed: files.map(({ tensors }) => tensors) });
  return listed(files);
}

interface ListedFile {
  readonly location: string;
  readonly tensors: ReadonlyMap<string, WeightRef>;
  readonly fingerprint: string | undefined;
}

/** WHY a fingerprint only if all files contain it: a file without it was replaced and belongs to another base. */
function listed(files: readonly ListedFile[]): ListedWeights {
  const [{ fingerprint } = { fingerprint: undefined }] = files;
  const isCarried = fingerprint !== undefined && files.every((file) => file.fingerprint === fingerprint);
  return {
    form: 'checkpoint',
    tensors: new Map(files.flatMap(({ tensors }) => [...tensors])),
    locations: files.map(({ location }) => location),
    ...(isCarried && { fingerprint }),
  };
}

async function listFile(dir: string, location: string): Promise<ListedFile> {
  try {
    const { entries, metadata } = await openSafetensors(join(dir, location));
    const tensors = new Map([...entries].map(([name, entry]) => [name, toRef(entry, location)]));
    return { location, tensors, fingerprint: readFingerprint(metadata[fingerprintKey]) };
  } catch (error) {
    const missing = EspalierError.isInstance(error) && error.code === 'FILE_NOT_FOUND';
    if (missing && location === 'model.safetensors')
      throw new EspalierError('MODEL_WEIGHTS_NOT_FOUND', { dir, hint: await hintAt(dir) }, { cause: error });
    throw error;
  }
}

function toRef(entry: Omit<WeightRef, 'location'>, location: string): WeightRef {
  const { name, offset, length, dtype, shape } = entry;
  return { name, location, offset, length, dtype, shape };
}

/** Checks that the index lists every tensor of every shard in the right file, and no others. */
function checkIndex(
  dir: string,
  { places, listed }: { places: ReadonlyMap<string, string>; listed: readonly ReadonlyMap<string, WeightRef>[] },
): void {
  const problems: string[] = [];
  const found = new Set<string>();
  for (const shard of listed) {
    for (const { name, location } of shard.values()) {
      found.add(`${name} in ${location}`);
      if (places.get(name) !== location)
        problems.push(`${location} holds ${name}, which the index places in ${places.get(name) ?? 'no file'}`);
    }
  }
  for (const [name, location] of places) {
    if (!found.has(`${name} in ${location}`)) problems.push(`${location} lacks ${name}, which the index places there`);
  }
  if (problems.length > 0) throw new EspalierError('MODEL_WEIGHTS_MISMATCH', { dir, problems });
}
