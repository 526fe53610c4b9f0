/** Golden cases of decoders: what transformers and PEFT compute on tiny models of each family. */
export const goldenCases = ['llama', 'llama-d16', 'llama-sgd', 'qwen2', 'qwen3', 'gemma3', 'gpt2'] as const;
