import type { CodeEntry } from './code-entry.ts';

/** Errors of `quantize`. Retired codes are never reused. */
export const quantizeCodes = {
  QUANTIZE_UNSUPPORTED: {
    status: 400,
    retryable: false,
    message: 'The model in {dir} cannot be quantized: {reason}.',
    help: 'Quantizing needs a folder with safetensors files of float weights. Nothing was written.',
  },
  QUANTIZE_KEEP_UNMATCHED: {
    status: 400,
    retryable: false,
    message:
      'The model has no module named {name}.{hint} Name a module by its last part (lm_head) or by its whole path.',
    help: '`--keep` names a module that the model does not have. Nothing was written.',
  },
} as const satisfies Record<string, CodeEntry>;
