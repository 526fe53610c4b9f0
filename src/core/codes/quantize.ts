import type { CodeEntry } from './code-entry.ts';

/** Errors of `quantize`. Retired codes are never reused. */
export const quantizeCodes = {
  QUANTIZE_UNSUPPORTED: {
    status: 400,
    retryable: false,
    message: 'The model in {dir} cannot be quantized: {reason}.',
    help: 'Quantizing takes a folder of safetensors with float weights. Nothing was written.',
  },
  QUANTIZE_KEEP_UNMATCHED: {
    status: 400,
    retryable: false,
    message:
      'Nothing in the model is called {name}.{hint} Modules are named by their last part (lm_head) or by their whole path.',
    help: '`--keep` names a module that the model does not have. Nothing was written.',
  },
} as const satisfies Record<string, CodeEntry>;
