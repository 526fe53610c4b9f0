import { existsSync, readdirSync } from 'node:fs';

import { goldenDir } from './fixtures.ts';

/** Golden cases of decoders whose adapters were also trained. */
export const trainedCases: readonly string[] = ['llama', 'llama-d16', 'llama-sgd', 'qwen2', 'qwen3', 'gemma3', 'gpt2'];

/** All golden cases of decoders: a folder for each feature of each family, and the cases above. */
export const goldenCases: readonly string[] = [
  ...trainedCases,
  ...readdirSync(goldenDir('families')).map((name) => `families/${name}`),
];

/** The states of a case's adapter. */
export function adapterStates(name: string): ('adapter' | 'trained')[] {
  return existsSync(goldenDir(name, 'trained')) ? ['adapter', 'trained'] : ['adapter'];
}
