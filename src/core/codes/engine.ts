import type { CodeEntry } from './code-entry.ts';

/** Errors of `engine`. Retired codes are never reused. */
export const engineCodes = {
  ADAPTER_NOT_FOUND: {
    status: 404,
    retryable: false,
    message: 'No adapter named {name} is loaded.{hint} Loaded: {known}.',
    help: 'A request or an unload named an adapter that is not there. The base never answers in its place.',
  },
  ADAPTER_EXISTS: {
    status: 409,
    retryable: false,
    message: 'An adapter named {name} is loaded already (version {version}). Replace it, or choose another name.',
    help: 'A load never changes a name that is in use. The loaded version goes on serving.',
  },
  ADAPTER_VERSION_CONFLICT: {
    status: 409,
    retryable: false,
    message:
      'Expected {name} at version {expected}, but it is at {actual}. Look at the present version and decide anew.',
    help: 'Somebody else moved the name first. Nothing was changed.',
  },
  ADAPTER_BEING_READ: {
    status: 503,
    retryable: true,
    message: 'The adapter {name} has not been read yet. Try again later.',
    help: 'A server that has just started reads its adapters one after the other. A request over HTTP waits for its own.',
  },
  ADAPTER_NOT_SERVED: {
    status: 404,
    retryable: false,
    message: 'The adapter {name} is in the folder of adapters and cannot be served: {problem}',
    help: 'The other adapters are served. Mend its files and load it, or start the server again.',
  },
  ADAPTER_SOURCE_CHANGED: {
    status: 409,
    retryable: false,
    message:
      'The files of the adapter {name} at {path} have changed since version {version} was loaded. Load the adapter again.',
    help: 'The weights had been dropped from memory to keep to its budget, and were to be read again. Only the requests for this version fail: another version never answers in its place.',
  },
  ADAPTER_CAPACITY: {
    status: 400,
    retryable: false,
    message: 'The adapters of one request ({name}) have {needed} ranks together; this engine holds {total}.',
    help: 'The adapters that run at once share a number of rank rows, which is an option of the engine. Requests wait while others have the rows; what would never fit is refused. Nothing was changed.',
  },
  ADAPTER_RANK_TOO_LARGE: {
    status: 400,
    retryable: false,
    message: 'The adapter {name} has rank {rank}; this engine takes ranks up to {limit}.',
    help: 'The largest rank is an option of the engine. Nothing was changed.',
  },
  DORA_NOT_SERVED: {
    status: 400,
    retryable: false,
    message:
      'The adapter {name} is a DoRA adapter (it has magnitudes of {modules} modules), and this engine was started without DoRA. Start it with {option:dora}, or merge the adapter into its base with `espalier adapter merge`.',
    help: 'DoRA costs every step a little, for all adapters, so that an engine is told when it opens. `espalier serve` does so by itself where a DoRA adapter is in its folder at the start. Nothing was changed.',
  },
  ADAPTER_TARGET_NOT_SERVED: {
    status: 400,
    retryable: false,
    message: 'The adapter {name} changes {modules}, which this engine does not adapt. Served modules: {served}.',
    help: 'An adapter is served whole or not at all. Start the engine with these modules among its targets.',
  },
  ADAPTER_VALUES_UNUSABLE: {
    status: 400,
    retryable: false,
    message: 'The adapter {name} holds {value} in {module}. Its values must be finite and below {limit} in size.',
    help: 'Such a value would reach other rows of a mixed batch. Nothing was changed.',
  },
  ADAPTERS_OFF: {
    status: 400,
    retryable: false,
    message: 'This engine was opened without adapters, and cannot load {name}.',
    help: 'The engine serves the base alone. Open it with room for adapters.',
  },
  PROMPT_EMPTY: {
    status: 400,
    retryable: false,
    message: 'The prompt has no tokens. Give at least one.',
    help: 'A model needs at least one token to go on from.',
  },
  PROMPT_TOO_LONG: {
    status: 400,
    retryable: false,
    message:
      'The prompt has {tokens} tokens; the context holds {limit}, one of them for the answer. Shorten the prompt.',
    help: 'The request was refused before any work. Nothing else is affected.',
  },
  TOKEN_OUT_OF_RANGE: {
    status: 400,
    retryable: false,
    message: 'Token {index} of the prompt is {token}; the vocabulary has the ids 0 to {last}.',
    help: 'The ids come from another tokenizer, or are broken. The request was refused before any work.',
  },
  GENERATION_OPTION_INVALID: {
    status: 400,
    retryable: false,
    message: 'Expected {name} to be {expected}, got {actual}.',
    help: 'An option of a generation is out of its range. The request was refused before any work.',
  },
  QUEUE_FULL: {
    status: 429,
    retryable: true,
    message:
      '{waiting} requests are waiting already, {count} more came, and {limit} is the limit. Try again in {retryAfterSeconds} s.',
    help: 'The waiting queue is bounded, so that a request is refused at once rather than answered too late. The choices of a request count singly.',
  },
  CALLER_QUEUE_FULL: {
    status: 429,
    retryable: true,
    message:
      'This caller has {waiting} requests waiting, {count} more came, and the queue has {room} places left, which others may need. Try again in {retryAfterSeconds} s.',
    help: 'One caller may have as many requests waiting as the queue has places left, so that nobody fills it alone. The choices of a request count singly. Nothing was queued.',
  },
  WAITED_TOO_LONG: {
    status: 503,
    retryable: true,
    message: 'The request waited {waitedMs} ms for a slot; it was to wait {limitMs} ms at most.',
    help: 'The request set a limit to its waiting, and no slot came free in time. Nothing was run for it.',
  },
  ENGINE_CLOSED: {
    status: 503,
    retryable: true,
    message: 'The engine is closing and takes no new requests.',
    help: 'The server shuts down. Streams that have begun are finished when it drains, and failed when it is disposed.',
  },
  GENERATION_FAILED: {
    status: 500,
    retryable: true,
    message: 'A model run failed, and the requests in it with it: {reason}',
    help: 'The engine goes on with all other requests. The cause holds the error of ONNX Runtime.',
  },
  LOGITS_NOT_FINITE: {
    status: 500,
    retryable: false,
    message: 'The model gave no finite logits. The base or the adapters of the request are damaged.',
    help: 'Only this request fails. Check the weights of its adapters.',
  },
} as const satisfies Record<string, CodeEntry>;
