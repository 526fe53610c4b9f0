import type { DecoderFamily } from './decoder-family.ts';
import { parseQwen, qwenDefaults } from './qwen.ts';

/** Qwen3. Each head of queries and keys is normalized. The size of a head is in config.json and independent of the hidden size. */
export const qwen3: DecoderFamily = {
  modelType: 'qwen3',
  architecture: 'Qwen3ForCausalLM',
  parse: (json, path) =>
    parseQwen(json, {
      family: 'qwen3',
      path,
      defaults: { ...qwenDefaults, head_dim: 128 },
      biases: (bias) => ({ queryKeyValue: bias, output: bias }),
      queryKeyNorm: 'head',
    }),
};
