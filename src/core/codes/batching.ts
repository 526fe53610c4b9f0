import type { CodeEntry } from './code-entry.ts';

/** Errors of `batching`. Retired codes are never reused. */
export const batchingCodes = {
  INFER_MODEL_UNSERVABLE: {
    status: 400,
    retryable: false,
    message: 'The model {model} cannot be served: {reason}.',
    help: 'The inputs and outputs of a served model must be tensors with element types of the Open Inference Protocol.',
  },
  INFER_INPUT_UNKNOWN: {
    status: 400,
    retryable: false,
    message: 'The model {model} has no input {name}.{hint} Its inputs: {known}.',
    help: 'The request has a tensor that the model does not read. It was refused before any work.',
  },
  INFER_INPUT_MISSING: {
    status: 400,
    retryable: false,
    message: 'The request lacks {names}. The model {model} needs every input.',
    help: 'Every input of the model must be given. `GET /v2/models/{name}` lists them.',
  },
  INFER_OUTPUT_UNKNOWN: {
    status: 400,
    retryable: false,
    message: 'The model {model} has no output {name}.{hint} Its outputs: {known}.',
    help: 'The request asks for a tensor that the model does not compute. It was refused before any work.',
  },
  INFER_INPUT_MISMATCH: {
    status: 400,
    retryable: false,
    message: 'Expected {expected} for input {name}, got {actual}.',
    help: 'An input has another element type or shape than the model declares. -1 in a shape stands for any size.',
  },
  INFER_ROWS_DIFFER: {
    status: 400,
    retryable: false,
    message: 'All inputs must have the same number of rows: {first} has {rows}, {name} has {actual}.',
    help: 'The first axis of every input is the batch, so all inputs have the same size along it.',
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
    help: 'ONNX Runtime refused the values or the shapes of this request. Other requests are not affected, not even those of the same batch.',
  },
  INFER_FAILED: {
    status: 500,
    retryable: true,
    message: 'A run of the model {model} failed: {reason}',
    help: 'ONNX Runtime failed on this request while it ran alone. Other requests are not affected.',
  },
  INFER_DIM_UNKNOWN: {
    status: 400,
    retryable: false,
    message: 'The dimension {dim} of the input {input} has no fixed size. Give one: --dim {dim}=128.',
    help: 'A memory plan is computed for one set of sizes. --batch gives the batch, and --dim gives every other symbolic dimension by its name.',
  },
  INFER_OUTPUT_NOT_JSON: {
    status: 400,
    retryable: false,
    message: 'The output {name} {problem}, which JSON cannot represent. Ask for it with "binary_data": true.',
    help: 'JSON has no half-width floats, infinities or NaN. The binary tensor extension can carry them.',
  },
  INFER_ADAPTERS_OFF: {
    status: 404,
    retryable: false,
    message: 'The model {model} is served without adapters, so there is no adapter named {name}.',
    help: 'The server was started without adapters for this model. The base never answers in the place of an adapter.',
  },
} as const satisfies Record<string, CodeEntry>;
