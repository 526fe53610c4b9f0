import type { CodeEntry } from './code-entry.ts';

/** Errors of `models/onnx`: graphs that other tools wrote. Retired codes are never reused. */
export const onnxCodes = {
  ONNX_MODEL_UNSUPPORTED: {
    status: 400,
    retryable: false,
    message: '{path} cannot be used: {problems}.',
    help: 'The graph of an ONNX file asks for something that Espalier does not do, or its inputs and outputs are not those of a model that it knows. The message names the node or the input. Nothing was loaded.',
  },
  ONNX_NO_GRAPH: {
    status: 400,
    retryable: false,
    message: '{path} has no {what}: {reason}.',
    help: 'An ONNX model was asked for something that it is not made for: text from an image classifier, say, or labels from a language model.',
  },
} as const satisfies Record<string, CodeEntry>;
