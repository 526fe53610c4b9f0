import type { CodeEntry } from './code-entry.ts';

/** Errors of `models/onnx`: graphs that other tools wrote. Retired codes are never reused. */
export const onnxCodes = {
  ONNX_MODEL_UNSUPPORTED: {
    status: 400,
    retryable: false,
    message: '{path} cannot be used: {problems}.',
    help: 'The graph of an ONNX file needs something that Espalier does not support, or its inputs and outputs do not match a known kind of model. The message names the node or the input. Nothing was loaded.',
  },
  ONNX_NO_GRAPH: {
    status: 400,
    retryable: false,
    message: '{path} has no {what}: {reason}.',
    help: 'An ONNX model cannot be used for this task. For example, an image classifier cannot continue text.',
  },
} as const satisfies Record<string, CodeEntry>;
