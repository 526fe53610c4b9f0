import type { CodeEntry } from './code-entry.ts';

/** Errors of `inference`. Retired codes are never reused. */
export const inferenceCodes = {
  INFER_MODEL_UNSERVABLE: {
    status: 400,
    retryable: false,
    message: 'The model {model} cannot be served: {reason}.',
    help: 'Its inputs and outputs must be tensors of element types that the Open Inference Protocol has.',
  },
  INFER_INPUT_UNKNOWN: {
    status: 400,
    retryable: false,
    message: 'The model {model} has no input {name}.{hint} Its inputs: {known}.',
    help: 'The request gives a tensor that nothing would read. It was refused before any work.',
  },
  INFER_INPUT_MISSING: {
    status: 400,
    retryable: false,
    message: 'The request lacks {names}, which the model {model} needs.',
    help: 'Every input of the model must be given. `GET /v2/models/{name}` lists them.',
  },
  INFER_OUTPUT_UNKNOWN: {
    status: 400,
    retryable: false,
    message: 'The model {model} has no output {name}.{hint} Its outputs: {known}.',
    help: 'The request asks for a tensor that the model does not give. It was refused before any work.',
  },
  INFER_INPUT_MISMATCH: {
    status: 400,
    retryable: false,
    message: 'Expected {expected} for input {name}, got {actual}.',
    help: "The element type or the shape of an input is not the model's. -1 in a shape stands for any size.",
  },
  INFER_ROWS_DIFFER: {
    status: 400,
    retryable: false,
    message: 'All inputs must have as many rows: {first} has {rows}, {name} has {actual}.',
    help: "The model's inputs share their first axis, the batch.",
  },
  INFER_BATCH_TOO_LARGE: {
    status: 400,
    retryable: false,
    message: 'The request has {rows} rows; a batch holds at most {limit}. Send them in several requests.',
    help: 'The largest batch is an option of the server, `--max-batch`. Buffers are planned for it.',
  },
  INFER_REFUSED: {
    status: 400,
    retryable: false,
    message: 'The model {model} cannot compute this request: {reason}',
    help: 'ONNX Runtime refused the values or the shapes of this request. Other requests, those of the same batch included, are not affected.',
  },
  INFER_FAILED: {
    status: 500,
    retryable: true,
    message: 'A run of the model {model} failed: {reason}',
    help: 'ONNX Runtime failed on this request, which was run alone. Other requests are not affected.',
  },
  INFER_DIM_UNKNOWN: {
    status: 400,
    retryable: false,
    message: 'The dimension {dim} of the input {input} is open. Say its size: --dim {dim}=128.',
    help: 'A memory plan is shown for one set of sizes. The batch is given by --batch, every other open dimension by its name.',
  },
  INFER_OUTPUT_NOT_JSON: {
    status: 400,
    retryable: false,
    message: 'The output {name} {problem}, which JSON cannot say. Ask for it with "binary_data": true.',
    help: 'Half-width floats, infinities and NaN have no form in JSON. The binary tensor extension carries them as they are.',
  },
  INFER_ADAPTERS_OFF: {
    status: 404,
    retryable: false,
    message: 'The model {model} is served without adapters, and so has none named {name}.',
    help: 'The server was started without adapters for this model. The base never answers in the place of an adapter.',
  },
} as const satisfies Record<string, CodeEntry>;
