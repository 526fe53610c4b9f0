import { existsSync, readdirSync } from 'node:fs';

import { goldenDir } from './fixtures.ts';

/** Golden cases of decoders whose adapters were also trained. */
export const trainedCases: readonly string[] = ['llama', 'llama-d16', 'llama-sgd', 'qwen2', 'qwen3', 'gemma3', 'gpt2'];

const newer =
  /families.(apertus|arcee|bamba|cohere|deepseek-v2-plain|deepseek-v3-halves|dots1|ernie|exaone|falcon|glm|gpt-neox|granite-hybrid|gpt-oss-plain|hunyuan|lfm2|ministral|mistral3|nemotron|olmo3|opt|phi4|qwen3-(5|next)|seed|stablelm|starcoder)/;

/** Golden cases of checkpoints that other tools have quantized, and of GGUF files. Their adapters were also trained. */
export const quantizedCases: readonly string[] = readdirSync(goldenDir('quantized')).map((name) => `quantized/${name}`);

/** All golden cases of decoders: a folder for each feature of each family, and the cases above. */
export const goldenCases: readonly string[] = [
  ...trainedCases,
  ...readdirSync(goldenDir('families')).map((name) => `families/${name}`),
  ...quantizedCases,
];

/**
 * Cases for which the gradients of all weights are tested too. Of the newer ones, those with a part that no other case has: the test
 * takes as long as all others of a case together. Weights that are quantized are never trained.
 */
export const fullyTrained: readonly string[] = goldenCases.filter(
  (name) =>
    (!newer.test(name) && !quantizedCases.includes(name)) ||
    /families.*(apertus|lfm2$|qwen3-5-moe|bamba|nemotron|stablelm-parallel|cohere$|hunyuan$|glm4$|gpt-neox$|falcon-new|falcon-rw|opt-350m|ministral3)/.test(
      name,
    ),
);

/** The states of a case's adapter. */
export function adapterStates(name: string): ('adapter' | 'trained')[] {
  return existsSync(goldenDir(name, 'trained')) ? ['adapter', 'trained'] : ['adapter'];
}
