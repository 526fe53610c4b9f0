import type { CodeEntry } from './code-entry.ts';

/** Errors of `http`. Retired codes are never reused. */
export const httpCodes = {
  REQUEST_INVALID: {
    status: 400,
    retryable: false,
    message: 'The request is not valid at {param}: {problem}.',
    help: 'The body does not have the form that the route takes. The `param` of the answer names the field.',
  },
  REQUEST_UNSUPPORTED: {
    status: 400,
    retryable: false,
    message: 'This server does not support {param}: {problem}.',
    help: 'The field would change the answer, and Espalier does not support it; or the field is unknown and looks like a misspelt known field. It is refused and not ignored. The message says what to do instead.',
  },
  REQUEST_TOO_LARGE: {
    status: 413,
    retryable: false,
    message: 'The {what} of the request has {bytes} bytes; the limit is {limit}. Send large tensors as binary data.',
    help: 'JSON is parsed in one step, so its size is limited. The binary tensor extension of `/v2` allows more.',
  },
  TRACES_UNSUPPORTED: {
    status: 400,
    retryable: false,
    message: 'The environment variable {name} must be {expected}, got {actual}.',
    help: 'Traces are sent by OTLP over HTTP. gRPC and other exporters are not supported. Collectors take HTTP at port 4318, beside gRPC at 4317. Nothing was started.',
  },
  TRACES_PACKAGES_MISSING: {
    status: 500,
    retryable: false,
    message:
      'The environment asks for traces, and the packages that send them are not installed. Install @opentelemetry/api, @opentelemetry/sdk-trace-base, @opentelemetry/resources, @opentelemetry/exporter-trace-otlp-proto and @opentelemetry/exporter-trace-otlp-http beside espalier (docs/traces.md), or set OTEL_SDK_DISABLED=true.',
    help: 'These packages take 39 MB, so they come only with who wants traces. `docs/traces.md` has the command with the versions. Nothing was started.',
  },
  METRICS_NOT_PUSHED: {
    status: 502,
    retryable: true,
    message: 'The push gateway at {url} did not take the metrics: {reason}.',
    help: 'The place of `--push-gateway` cannot be reached, or refused the series. A training goes on without it, and tries again with its next series.',
  },
  MODEL_VERSION_NOT_FOUND: {
    status: 404,
    retryable: false,
    message: 'The model {model} has no version {version}. Its version: {known}.',
    help: 'A path under `/v2/models/{name}/versions` names a version that is not served.',
  },
  MODEL_NOT_FOUND: {
    status: 404,
    retryable: false,
    message: 'No model or adapter named {model}{hint}. The list of models tells what is served.',
    help: '`model` names neither the base nor a loaded adapter. The base never answers in the place of an adapter. `GET /v1/models` lists the names.',
  },
  RESPONSE_NOT_FOUND: {
    status: 404,
    retryable: false,
    message:
      'No response with the id {id} is kept. Ask for one that was made with "store" and this key, and not long ago.',
    help: 'Responses are kept in memory, within a number, a size and an age, until the server ends. Each key finds its own only; those of other keys are answered as unknown ones. One that failed, or was asked for with `"store": false`, is not kept.',
  },
  PREVIOUS_RESPONSE_NOT_FOUND: {
    status: 400,
    retryable: false,
    message:
      'Previous response with id {id} not found. Leave {param} out and send the whole conversation, or go on from a response that is kept.',
    help: '`previous_response_id` names a response that this server does not keep for this key: it is unknown, too old, was dropped for others, failed, or was asked for with `"store": false`. Status and code are those of OpenAI.',
  },
  RESPONSE_ITEM_NOT_FOUND: {
    status: 404,
    retryable: false,
    message:
      'Item with id {id} not found for {param}. Items are kept with their response; send the item itself in the place of a reference.',
    help: 'An `item_reference` in `input` names an item of a response that this server does not keep for this key. Clients that send references (the AI SDK does) send whole items with `store: false`.',
  },
  RESPONSE_NOT_CANCELLABLE: {
    status: 400,
    retryable: false,
    message:
      'The response {id} cannot be cancelled: it was not made in the background. To end one that is being written, close its connection.',
    help: 'Only responses with `"background": true` could be cancelled, and there are none here. An answer ends within one step when its client goes away.',
  },
  API_KEY_INVALID: {
    status: 401,
    retryable: false,
    message: 'The API key is {problem}. Send it as "Authorization: Bearer KEY" or as "x-api-key: KEY".',
    help: 'The server was started with --api-key, --admin-key or --keys. Every route except those for health needs a key. Routes that change adapters need one for administration, if there is one, and routes that tell how the server fares one for looking or for administration.',
  },
  KEYS_FILE_INVALID: {
    status: 500,
    retryable: false,
    message: 'The file of keys {path} cannot be used: {problem}. Mend it.',
    help: 'A file of keys is taken whole or not at all. A server that starts does not start with it; one that runs keeps the keys that it has. The message repeats no key.',
  },
  KEY_FOR_SOME_NAMES: {
    status: 403,
    retryable: false,
    message: 'This route tells of every name, and the key is for some names only. Send a key for all names.',
    help: 'A key of the file of keys lists the names that it may see. This route does not keep to them, so it needs a key with the name `*`.',
  },
  NAME_OUTSIDE_KEY: {
    status: 403,
    retryable: false,
    message: 'The {what} {name} is not among the names for which the key is. Use one of them.',
    help: 'A key of the file of keys lists the names that it may use. It may load and upload adapters under these names only, and only from folders of these names. Whether the name is served makes no difference. Nothing was changed.',
  },
  ADMIN_KEY_MISSING: {
    status: 403,
    retryable: false,
    message:
      'Without {option:adminKey}, adapters can be changed only from the machine of the server. Start it with {option:adminKey} KEY, and send that key.',
    help: 'The routes of administration need a key of their own to be open to other machines. Requests that a proxy passes on count as those of other machines. Nothing was changed.',
  },
  TLS_INVALID: {
    status: 500,
    retryable: false,
    message: 'The file {path} of TLS {problem}. Give the certificate and its private key as files in PEM.',
    help: 'A server does not start with a certificate that cannot be used. One that runs keeps the certificate that it has. The message repeats nothing of the key.',
  },
  RATE_LIMITED: {
    status: 429,
    retryable: true,
    message: 'The key {key} has used its {limit} {of} for a minute. Try again in {retryAfterSeconds} s.',
    help: 'A key of the file of keys may have `requests_per_minute` and `tokens_per_minute`. Both fill evenly. The tokens of an answer are counted when it ends, so a key that has overdrawn its tokens waits until they are made up for. Nothing was queued.',
  },
  READ_KEY_MISSING: {
    status: 403,
    retryable: false,
    message:
      'Without {option:readKey} or {option:adminKey}, the state of the server can be seen only from its own machine. Start it with {option:readKey} KEY, and send that key.',
    help: 'The lists of adapters and roll-outs, and figures about the server, need a key of their own to be open to other machines. Requests that a proxy passes on count as those of other machines.',
  },
  HOST_REFUSED: {
    status: 403,
    retryable: false,
    message: '{host} is not a name of this server. To allow it, start the server with {option} {host}.',
    help: 'The `Host` of a request must be an IP address, a loopback name, the name that the server listens on, or one of --allowed-hosts. This protects against web pages whose own name was made to point to the server (DNS rebinding).',
  },
  ORIGIN_REFUSED: {
    status: 403,
    retryable: false,
    message:
      'Web pages of {origin} may not call this server. To allow them, start the server with --allowed-origins {origin}.',
    help: 'A browser sends the `Origin` of the page that makes a request. Pages of the server itself and pages of --allowed-origins are allowed. Pages of loopback names are allowed too, but not to load or unload adapters.',
  },
  CONTENT_TYPE_UNSUPPORTED: {
    status: 415,
    retryable: false,
    message: 'The body must have the content type {expected}, got {actual}.',
    help: 'Every route reads JSON; inference under `/v2` reads tensors as bytes too. A body of another type is not read.',
  },
  BODY_TOO_LARGE: {
    status: 413,
    retryable: false,
    message: 'The body of the request is larger than {limit} bytes, the limit of this route.',
    help: 'Split the request. The binary tensor extension of `/v2` allows more than JSON does.',
  },
  BODY_BEYOND_CONTEXT: {
    status: 400,
    retryable: false,
    message:
      'The body of the request is larger than {limit} bytes, and no prompt within the maximum context length of {tokens} tokens takes as many. Shorten the prompt.',
    help: 'The limit follows from the context of the base. The body was not read to its end.',
  },
  ANSWER_BEYOND_CONTEXT: {
    status: 400,
    retryable: false,
    message:
      'The maximum context length is {limit} tokens, and the prompt has {tokens} of them: {param} may be at most {most}, got {actual}. Ask for fewer, shorten the prompt, or leave {param} out.',
    help: 'The answer could not have the length that was asked for. The request was refused before any work, as OpenAI and vLLM refuse it. Without a limit, an answer may take the rest of the context.',
  },
  INPUT_TOO_LONG: {
    status: 400,
    retryable: false,
    message: '{param} has {tokens} tokens; the maximum context length is {limit}. Shorten the text.',
    help: 'A text to embed is read whole or not at all: nothing is cut from it. No other request is affected.',
  },
  URL_TOO_LONG: {
    status: 414,
    retryable: false,
    message: 'A name in the URL is longer than {limit} characters.',
    help: 'No model and no adapter has a name of this length.',
  },
  ROUTE_NOT_FOUND: {
    status: 404,
    retryable: false,
    message: 'No route {method} {path}{hint}.',
    help: 'The path is unknown. `docs/api.md` lists the routes.',
  },
  METHOD_NOT_ALLOWED: {
    status: 405,
    retryable: false,
    message: '{path} takes {allow}, not {method}.',
    help: 'The path is known, but not with this method. The header `allow` of the answer lists the methods that it takes.',
  },
  PRECONDITION_FAILED: {
    status: 412,
    retryable: false,
    message: 'Expected {name} to be at version {expected}, but it is at {actual}. Read it again before you change it.',
    help: 'The `If-Match` or the `If-None-Match` of the request does not agree with the present version, which the `ETag` of the adapter tells. Nothing was changed.',
  },
  UPLOAD_HEADER_MISSING: {
    status: 403,
    retryable: false,
    message: 'An upload without a key needs the header {header}: 1.',
    help: 'A web page can send files to a server without asking it first, but not with a header of its own. Requests with the header `Authorization` need no other.',
  },
  EVENT_STREAMS_FULL: {
    status: 429,
    retryable: true,
    message:
      'As many clients as may listen at once ({limit}) listen to events. Ask for them again later, or without "Accept: text/event-stream".',
    help: 'Each stream of `GET /v1/events` keeps a connection. Without that header, the same route answers with the latest events and ends.',
  },
  UPLOADS_BUSY: {
    status: 429,
    retryable: true,
    message: 'As many uploads as are taken at once ({limit}) are on their way. Try again later.',
    help: 'Uploads arrive on the disk, a few at once. Nothing was read.',
  },
  IDEMPOTENCY_KEY_REUSED: {
    status: 422,
    retryable: false,
    message: 'Another request came with this Idempotency-Key before. Give each change a key of its own.',
    help: 'The key was used for a request with another path, body or precondition within the last 24 hours. Nothing was changed.',
  },
  IDEMPOTENCY_KEY_BUSY: {
    status: 409,
    retryable: true,
    message: 'The first request with this Idempotency-Key is still going on. Try again later.',
    help: 'The same request came twice at once. It is carried out once, and a later repetition gets its answer.',
  },
  ADAPTERS_FOLDER_MISSING: {
    status: 400,
    retryable: false,
    message:
      'Adapters cannot be loaded at run time: the server was started without {option:adapters}. Start it with a folder to load from.',
    help: 'Adapters can be loaded from one folder only, and no folder was given.',
  },
  ADAPTER_PATH_OUTSIDE: {
    status: 403,
    retryable: false,
    message: 'The adapter path {path} leads out of the folder of adapters. Give a path inside it.',
    help: 'Absolute paths, `..` and symbolic links that lead out of --adapters are refused. Nothing was changed.',
  },
  REQUEST_TIMEOUT: {
    status: 408,
    retryable: true,
    message: 'The {what} of the request did not arrive within {within}.',
    help: 'A request that does not arrive in time is ended. The limit is 15 seconds for its head, and 30 seconds plus one second per half megabyte for its body. If hundreds of bodies are arriving at once, the limit is shorter.',
  },
  HEADERS_TOO_LARGE: {
    status: 431,
    retryable: false,
    message: 'The headers of the request, with its URL, are larger than 16 KiB.',
    help: 'No request needs larger headers. Send long values in the body.',
  },
  DEADLINE_PASSED: {
    status: 504,
    retryable: false,
    message:
      'The answer was not complete within the {ms} ms that the request gave it by {header}. Give it more time, or ask for a shorter answer.',
    help: 'The header `x-request-timeout-ms` of a request bounds the time of its whole answer, with the time in the queue. The generation has ended. What a stream had sent before is valid.',
  },
  SHUTTING_DOWN: {
    status: 503,
    retryable: true,
    message: 'The server is shutting down and takes no new requests. Send the request to another server.',
    help: 'Streams that have begun are finished; new requests are refused.',
  },
  SERVER_UNREACHABLE: {
    status: 502,
    retryable: true,
    message: 'No answer came from {server}: {reason}. Check its address ({option:server}), and that it runs.',
    help: 'A command that operates a running server got no answer, or one of another program.',
  },
  SERVER_REFUSED: {
    status: 502,
    retryable: false,
    message: 'The server {server} refused: {message} ({code})',
    help: 'A command that operates a running server was refused. The message and the code are those of the server.',
  },
  PORT_IN_USE: {
    status: 500,
    retryable: false,
    message: 'Port {port} on {host} is in use. Choose another {option:port}.',
    help: 'Another process listens on this port. Port 0 takes any free port.',
  },
} as const satisfies Record<string, CodeEntry>;
