import type { DecoderFamily } from './decoder-family.ts';
import { parseQwen, qwenDefaults } from './qwen.ts';

/** Qwen2 and 2.5: queries, keys and values have biases. */
export const qwen2: DecoderFamily = {
  modelType: 'qwen2',
  architecture: 'Qwen2ForCausalLM',
  parse: (json, path) =>
    parseQwen(json, { family: 'qwen2', path, defaults: qwenDefaults, biases: () => ({ queryKeyValue: true }) }),
};
