import type { CodeEntry } from './code-entry.ts';

/** Errors of `engine`. Retired codes are never reused. */
export const engineCodes = {
  ADAPTER_NOT_FOUND: {
    status: 404,
    retryable: false,
    message: 'No adapter named {name} is loaded.{hint}',
    help: 'A request or an unload named an adapter that is not loaded. The base never answers in its place.',
  },
  ADAPTER_ALREADY_LOADED: {
    status: 400,
    retryable: false,
    message:
      'An adapter named {name} is already loaded (version {version}). Replace it ("load_inplace": true, under /v2 "replace": true), or choose another name.',
    help: 'A load replaces an adapter only if it is asked to. The loaded adapter goes on serving. The status is that of vLLM.',
  },
  ADAPTER_VERSION_CONFLICT: {
    status: 409,
    retryable: false,
    message:
      'Expected {name} to be at version {expected}, but it is at {actual}. Check the current version before you change it.',
    help: 'The name was given another version between the reading and the change. Nothing was changed.',
  },
  ADAPTER_STORE_MISSING: {
    status: 400,
    retryable: false,
    message:
      'Adapters cannot be uploaded: the server was started without {option:store}. Start it with a folder to keep them in.',
    help: 'Uploaded adapters are verified and kept in a store, and no store was given. Adapters that lie in the folder of --adapters are loaded from there.',
  },
  ADAPTER_PINNED: {
    status: 409,
    retryable: false,
    message: 'The adapter {name} was pinned by {by}, so it keeps its version. Unpin it first.',
    help: 'A pinned name is not moved to another version and is not removed. Nothing was changed.',
  },
  ADAPTER_PINS_FULL: {
    status: 409,
    retryable: false,
    message:
      'The weights of version {version} ({bytes} bytes) cannot be pinned: {pinned} bytes are pinned, and the budget for adapters is {limit}. Unpin another version, or raise {option:adapterMemory}.',
    help: 'Pinned weights are never dropped from memory. More of them than the budget would leave no room for other adapters. Nothing was changed.',
  },
  ADAPTER_DRAINING: {
    status: 503,
    retryable: true,
    message: 'The adapter {name} is being drained and takes no new requests. Try again in {retryAfterSeconds} s.',
    help: 'Requests that have begun are finished. The other adapters and the base are not affected.',
  },
  ADAPTER_VERSION_UNKNOWN: {
    status: 404,
    retryable: false,
    message: '{what} named version {version}, which is not known here.',
    help: 'A name can be moved to a version of its history, to a version that another name has, and to a version in the store. A version that was given in memory is known only while something uses it. Nothing was changed.',
  },
  ADAPTER_VERSION_AMBIGUOUS: {
    status: 400,
    retryable: false,
    message: 'Several versions of {name} begin with {version}. Give more digits of the one that is meant.',
    help: 'A request named a version by the beginning of its SHA-256 (`name@1f2e3d4c`), which is not that of one version alone. Nothing was run.',
  },
  ADAPTER_NO_EARLIER_VERSION: {
    status: 409,
    retryable: false,
    message: 'The adapter {name} has no earlier version to go back to.',
    help: 'The name has had one version only, or its history is not kept that far back. Nothing was changed.',
  },
  ADAPTER_BEING_READ: {
    status: 503,
    retryable: true,
    message: 'The adapter {name} has not been read yet. Try again later.',
    help: 'A server that has just started reads its adapters one after the other. A request over HTTP waits until its adapter has been read.',
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
    help: 'The weights of this version were dropped because the memory budget was reached. They cannot be read again, because the files have changed. Only the requests for this version fail. Another version never answers in its place.',
  },
  ADAPTER_FILES_INVALID: {
    status: 400,
    retryable: false,
    message: 'The files of an adapter cannot be taken: {problem}.',
    help: 'A program publishes an adapter by the files of a PEFT folder or one file of another format, under plain names: letters, digits, "_", "-" and ".", at most 128. Nothing was changed.',
  },
  ADAPTER_FACTS_INVALID: {
    status: 500,
    retryable: false,
    message: 'The record of the adapter {name} cannot be used: {problems}. Verify the adapter again.',
    help: 'A version was to be served by the record of an earlier check, and the record is damaged. Nothing was changed.',
  },
  ADAPTER_FACTS_CHANGED: {
    status: 409,
    retryable: false,
    message: 'The adapter {name} is not what its record says: {problems}. Load the adapter again.',
    help: 'A version was served by the record of an earlier check. When its weights were read for the first request, they differed from the record, for example because the server was started with other options. Only the requests for this version fail.',
  },
  ADAPTER_CAPACITY: {
    status: 400,
    retryable: false,
    message: 'The adapters of one request ({name}) have {needed} ranks together; this engine holds {total}.',
    help: 'The adapters that run at the same time share a number of rank rows, which is an option of the engine. A request waits while others use the rows. A request that can never fit is refused. Nothing was changed.',
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
    help: 'DoRA makes every step a little slower for all adapters, so it must be turned on when an engine opens. `espalier serve` turns it on if its folder contains a DoRA adapter at the start. Nothing was changed.',
  },
  LORA_BIAS_NOT_SERVED: {
    status: 400,
    retryable: false,
    message:
      'The adapter {name} has biases (lora_bias) of {modules} modules, and this engine was started without room for them. Start it with {option:loraBias}, or merge the adapter into its base with `espalier adapter merge`.',
    help: 'Biases make every step a little slower for all adapters, so they must be turned on when an engine opens. `espalier serve` turns them on if its folder contains an adapter with `lora_bias` at the start. Nothing was changed.',
  },
  ADAPTER_TARGET_NOT_SERVED: {
    status: 400,
    retryable: false,
    message: 'The adapter {name} changes {modules}, which this engine does not adapt. Served modules: {served}.',
    help: 'An adapter is served completely or not at all. Start the engine with these modules among its targets.',
  },
  ADAPTER_VALUES_UNUSABLE: {
    status: 400,
    retryable: false,
    message:
      'The adapter {name} has the value {value} in {module}. Values must be finite and have a magnitude below {limit}.',
    help: 'Such a value would change the results of other sequences in the same batch. Nothing was changed.',
  },
  ADAPTERS_OFF: {
    status: 400,
    retryable: false,
    message: 'This engine was opened without adapters, and cannot load {name}.',
    help: 'The engine serves only the base. Open it with room for adapters.',
  },
  PROMPT_EMPTY: {
    status: 400,
    retryable: false,
    message: 'The prompt has no tokens. Give at least one.',
    help: 'A model needs at least one token to continue from.',
  },
  PROMPT_TOO_LONG: {
    status: 400,
    retryable: false,
    message:
      'The prompt has {tokens} tokens; the maximum context length is {limit}, one of them for the answer. Shorten the prompt.',
    help: 'The request was refused before any work. No other request is affected.',
  },
  TEXT_TOO_LONG: {
    status: 400,
    retryable: false,
    message:
      '{param} has {length} characters, and no more than {most} can fit the maximum context length of {limit} tokens. Shorten the prompt.',
    help: 'A text that no tokenizer could fit into the context is refused before it is tokenized. No other request is affected.',
  },
  TOKEN_OUT_OF_RANGE: {
    status: 400,
    retryable: false,
    message: 'Token {index} of the prompt is {token}; the vocabulary has the ids 0 to {last}.',
    help: 'The ids come from another tokenizer or are wrong. The request was refused before any work.',
  },
  GENERATION_OPTION_INVALID: {
    status: 400,
    retryable: false,
    message: 'Expected {name} to be {expected}, got {actual}.',
    help: 'An option of the request is out of its range. The request was refused before any work.',
  },
  QUEUE_FULL: {
    status: 429,
    retryable: true,
    message:
      'The queue is full: {waiting} requests are waiting, {count} more came, and the limit is {limit}. Try again in {retryAfterSeconds} s.',
    help: 'The length of the queue is limited, so that a request is refused at once and not answered too late. Each choice of a request counts as one.',
  },
  CALLER_QUEUE_FULL: {
    status: 429,
    retryable: true,
    message:
      'This caller has {waiting} requests waiting and sent {count} more. The queue has {room} places left, which other callers may need. Try again in {retryAfterSeconds} s.',
    help: 'One caller may have only as many requests waiting as the queue has places left, so that no caller fills it alone. Each choice of a request counts as one. Nothing was queued.',
  },
  WAITED_TOO_LONG: {
    status: 503,
    retryable: true,
    message: 'The request waited {waitedMs} ms for a slot; its limit is {limitMs} ms.',
    help: 'The request limited its waiting time, and no slot became free in time. Nothing was run for it.',
  },
  ENGINE_CLOSED: {
    status: 503,
    retryable: true,
    message: 'The engine is closing and takes no new requests.',
    help: 'The server is shutting down. If it drains, streams that have begun are finished. If it is disposed, they fail.',
  },
  KV_MEMORY: {
    status: 400,
    retryable: false,
    message:
      'The keys and values of {slots} requests at once with up to {maxLength} tokens each need {needed} bytes, and there are {available} for them. {advice}',
    help: 'Every request that runs must be able to grow to its full length, so what was asked for is compared with the memory before anything is opened. By default half of the memory that is available is for keys and values, and three eighths on a server with jobs.',
  },
  CHOICES_BEYOND_QUEUE: {
    status: 400,
    retryable: false,
    message: 'The request asks for {count} choices, and the queue takes {limit} of one request. Ask for fewer at once.',
    help: 'Each choice of a request takes a place in the queue, and one caller may take half of an empty one, so the request would never find as many. Nothing was queued. The length of the queue is an option of the server (--max-waiting).',
  },
  GENERATION_FAILED: {
    status: 500,
    retryable: true,
    message: 'A model run failed, and all requests in it failed too: {reason}',
    help: 'The engine continues with all other requests. The `cause` is the error of ONNX Runtime.',
  },
  LOGITS_PROCESSOR_FAILED: {
    status: 500,
    retryable: false,
    message: 'The logits processor {name} failed: {reason}.',
    help: 'Only the request that uses it fails. A processor changes the logits in place, to numbers or -Infinity, and leaves one token at least that can be drawn. The `cause` is the error that it threw.',
  },
  LOGITS_NOT_FINITE: {
    status: 500,
    retryable: false,
    message: 'The model computed logits that are not finite. The base or an adapter of the request is damaged.',
    help: 'Only this request fails. Check the weights of its adapters.',
  },
  BREAKER_OPEN: {
    status: 503,
    retryable: true,
    message:
      'The adapter {name} fails too often, and no other version may answer in its place. Try again in {retryAfterSeconds} s.',
    help: 'The breaker of the version is open: more than half of its last calls failed. It is tried again by itself. Move the name to another version, or roll it back, to serve it at once.',
  },
  ADAPTER_SILENT: {
    status: 504,
    retryable: true,
    message: 'The version {version} of {name} has computed no token for {seconds} s.',
    help: 'A version on trial (a candidate, or a probe of a breaker) has stopped answering. The request is answered by the version before where nothing was sent yet.',
  },
  ROLLOUT_ACTIVE: {
    status: 409,
    retryable: false,
    message: 'The name {name} has a roll-out already. Promote or abort it first.',
    help: 'A name has one roll-out at a time. The present one goes on.',
  },
  NOISE_VERSION_GONE: {
    status: 409,
    retryable: false,
    message: 'The measurement of {name} has ended: the name has another version than {version} now. Measure again.',
    help: 'What a version differs from itself by holds for that version only, and the name was moved before enough requests had come.',
  },
  ROLLOUT_NOT_FOUND: {
    status: 404,
    retryable: false,
    message: 'The name {name} has no roll-out. Start one first.',
    help: 'A command named an adapter of which no new version is being rolled out. Nothing was changed.',
  },
  ROLLOUT_STATE_INVALID: {
    status: 500,
    retryable: false,
    message: 'The saved state of a roll-out cannot be read: {problems}. Start the roll-out again.',
    help: 'What was saved of a roll-out is damaged, or was written by another version of Espalier. The stable version answers.',
  },
} as const satisfies Record<string, CodeEntry>;
