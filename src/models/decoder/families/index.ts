import type { DecoderFamily } from './decoder-family.ts';
import { gemma2 } from './gemma2.ts';
import { gemma3, gemma3Multimodal } from './gemma3.ts';
import { gpt2 } from './gpt2.ts';
import { granite } from './granite.ts';
import { llama } from './llama.ts';
import { mistral } from './mistral.ts';
import { olmo2 } from './olmo2.ts';
import { phi } from './phi.ts';
import { phi3 } from './phi3.ts';
import { qwen2 } from './qwen2.ts';
import { qwen3 } from './qwen3.ts';
import { smollm3 } from './smollm3.ts';

/** The supported families of decoders. */
export const decoderFamilies: readonly DecoderFamily[] = [
  gemma2,
  gemma3,
  gemma3Multimodal,
  gpt2,
  granite,
  llama,
  mistral,
  olmo2,
  phi,
  phi3,
  qwen2,
  qwen3,
  smollm3,
];
