import { join } from 'node:path';
import { writeAdapter } from '../../src/adapter-files/index.ts';
import { createRandom } from '../../src/core/index.ts';
import { createRandomAdapter } from '../../src/engine/testing/random-adapter.ts';
import { openBaseModel } from '../../src/models/index.ts';
import { tinyBase } from '../root.ts';
import { ask } from './client.ts';

/** Tokens of an answer. A shorter one is its beginning, since the most likely token is taken each time. */
export const answerLength = 24;
const promptCount = 4;
const ranks = [4, 8, 2, 16, 1, 6];

/** Versions whose answers are known, and differ. */
export interface Oracle {
  /** SHA-256 of each version, with its own name. */
  readonly versions: readonly { readonly digest: string; readonly name: string }[];
  readonly prompts: readonly (readonly number[])[];
  /** The answer of a version to a prompt; undefined if the version is none of these. */
  answer(digest: string, prompt: number): readonly number[] | undefined;
}

/** Writes the versions as PEFT folders `v0`, `v1`, … Their ranks differ, so that rows of the arena move. */
export async function writeVersions(folder: string, seed: number): Promise<readonly string[]> {
  const { modules } = await openBaseModel(tinyBase);
  const linears = modules.filter(({ kind, path }) => kind !== 'embedding' && path !== 'lm_head');
  const names = ranks.map((_, i) => `v${i}`);
  for (const [i, rank] of ranks.entries()) {
    const adapter = createRandomAdapter({ linears, rank, seed: seed * 1000 + i, strength: 0.6 });
    await writeAdapter(join(folder, `v${i}`), adapter, { format: 'peft' });
  }
  return names;
}

/**
 * Asks each version alone.
 * @throws if two versions answer a prompt alike, because nothing could then tell them apart
 */
export async function openOracle(port: number, names: readonly string[], seed: number): Promise<Oracle> {
  const random = createRandom(seed, 'prompts');
  const prompts = Array.from({ length: promptCount }, (_, i) =>
    Array.from({ length: 3 + 5 * i }, () => random.integer(128)),
  );
  const answers = new Map<string, readonly number[][]>();
  const versions: { digest: string; name: string }[] = [];
  for (const name of names) {
    const own: number[][] = [];
    let digest = '';
    for (const prompt of prompts) {
      const answer = await ask(port, { model: name, prompt, maxTokens: answerLength, isStream: false });
      if (answer.problem !== undefined) throw new Error(`${name} alone: ${answer.problem.text}`);
      own.push([...answer.tokens]);
      digest = answer.version ?? '';
    }
    answers.set(digest, own);
    versions.push({ digest, name });
  }
  for (const prompt of prompts.keys()) {
    const different = new Set([...answers.values()].map((own) => String(own[prompt]?.slice(0, shortLength))));
    if (different.size !== names.length) throw new Error(`two versions answer prompt ${prompt} alike`);
  }
  return { versions, prompts, answer: (digest, prompt) => answers.get(digest)?.[prompt] };
}

/** Tokens of an answer that comes whole. All versions differ within these. */
export const shortLength = 6;
