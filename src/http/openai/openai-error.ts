import { codes, EspalierError } from '../../core/index.ts';

/** The body of an error in the form of OpenAI's API. */
export interface OpenAiError {
  readonly error: {
    readonly message: string;
    readonly type: string;
    readonly param: string | null;
    readonly code: string;
  };
}

export interface ErrorAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: OpenAiError;
}

/**
 * Converts an error to the form that OpenAI's clients expect. They choose their exception by status, and retry on 408, 409, 429 and 5xx
 * unless `x-should-retry` says otherwise.
 *
 * An error that is not an EspalierError is a fault of the server. It is reported without its text, which may contain paths.
 */
export function openAiErrorOf(thrown: unknown): ErrorAnswer {
  if (!EspalierError.isInstance(thrown)) {
    return answer(statusOf(thrown), false, 'INTERNAL_ERROR', messageOf(thrown), null);
  }
  const error = namingFields(thrown);
  const param = error.details['param'] ?? (isOption(error) ? error.details['name'] : undefined);
  const { status, retryable } = codes[error.code];
  const whole = answer(
    status,
    retryable,
    error.code,
    error.commandLineMessage,
    param === undefined ? null : String(param),
  );
  return { ...whole, headers: { ...whole.headers, ...headersOf(error) } };
}

/** The headers that HTTP wants with the status of an error. */
function headersOf({ code, details }: EspalierError): Readonly<Record<string, string>> {
  const { retryAfterSeconds: seconds, allow } = details;
  if (code === 'METHOD_NOT_ALLOWED' && typeof allow === 'object') return { allow: allow.join(', ') };
  if (code === 'API_KEY_INVALID') return { 'www-authenticate': 'Bearer' };
  return seconds === undefined
    ? {}
    : { 'retry-after': String(seconds), 'retry-after-ms': String(1000 * Number(seconds)) };
}

/** The same error, with the name of the field: the engine's options have the names of the API in camel case. */
function namingFields(error: EspalierError): EspalierError {
  if (!isOption(error)) return error;
  const { name = '', expected = '', actual = '' } = error.details;
  const field = String(name).replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  return new EspalierError('GENERATION_OPTION_INVALID', { name: field, expected, actual }, { cause: error });
}

function isOption({ code }: EspalierError): boolean {
  return code === 'GENERATION_OPTION_INVALID';
}

function answer(status: number, retryable: boolean, code: string, message: string, param: string | null): ErrorAnswer {
  return {
    status,
    headers: {
      'x-should-retry': String(retryable),
      ...(retryable ? { 'retry-after': '1', 'retry-after-ms': '1000' } : {}),
    },
    body: { error: { message, type: typeOf(status), param, code: openAiCodes[code] ?? code.toLowerCase() } },
  };
}

/** Codes for which OpenAI's API has its own name. */
const openAiCodes: Readonly<Record<string, string>> = {
  MODEL_NOT_FOUND: 'model_not_found',
  ADAPTER_NOT_FOUND: 'model_not_found',
  PROMPT_TOO_LONG: 'context_length_exceeded',
  TEXT_TOO_LONG: 'context_length_exceeded',
  BODY_BEYOND_CONTEXT: 'context_length_exceeded',
  INPUT_TOO_LONG: 'context_length_exceeded',
  ANSWER_BEYOND_CONTEXT: 'context_length_exceeded',
  API_KEY_INVALID: 'invalid_api_key',
  RATE_LIMITED: 'rate_limit_exceeded',
};

function typeOf(status: number): string {
  if (status === 401) return 'authentication_error';
  if (status === 403) return 'permission_error';
  if (status === 404) return 'not_found_error';
  if (status === 429) return 'rate_limit_error';
  return status < 500 ? 'invalid_request_error' : 'server_error';
}

/** Fastify's own errors (for example for a body that is not JSON or is too large) have a status of the 4xx range. */
function statusOf(error: unknown): number {
  const status = typeof error === 'object' && error !== null && 'statusCode' in error ? error.statusCode : undefined;
  return typeof status === 'number' && status >= 400 && status < 500 ? status : 500;
}

function messageOf(error: unknown): string {
  return statusOf(error) < 500 && error instanceof Error ? error.message : 'The server failed. Its log says more.';
}
