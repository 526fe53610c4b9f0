import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import type { RandomBaseConfig } from '../random-base-config.ts';

/** The folder of a golden case, or of a part of it; `model` is its checkpoint. */
export function goldenDir(name: string, part = ''): string {
  return fileURLToPath(new URL(`../../../test/golden/${name}/${part}`, import.meta.url));
}

/** Runs `use` with a folder that is removed afterwards. */
export async function withTempDir<T>(use: (dir: string) => Promise<T>): Promise<T> {
  const dir = await mkdtemp(join(tmpdir(), 'espalier-models-'));
  try {
    return await use(dir);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

/** Runs `use` with a copy of a golden checkpoint. */
export function withGoldenCopy<T>(use: (dir: string) => Promise<T>): Promise<T> {
  return withTempDir(async (dir) => {
    await cp(goldenDir('llama', 'model'), dir, { recursive: true });
    return use(dir);
  });
}

/** A Llama of a few thousand parameters. */
export const tinyConfig: RandomBaseConfig = {
  kind: 'decoder',
  family: 'llama',
  vocabSize: 48,
  hiddenSize: 32,
  intermediateSize: 40,
  layers: 2,
  heads: 4,
  kvHeads: 2,
  headDim: 16,
  rmsNormEpsilon: 1e-5,
  ropeTheta: 10000,
  maxPositions: 64,
  tiedEmbeddings: false,
  attentionBias: false,
  mlpBias: false,
  initializerRange: 0.1,
};
