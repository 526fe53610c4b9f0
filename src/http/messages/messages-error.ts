import { type ErrorAnswer, openAiErrorOf } from '../openai/openai-error.ts';

/** The body of an error in the form of Anthropic's API. */
export interface MessagesError {
  readonly type: 'error';
  readonly error: { readonly type: string; readonly message: string };
  readonly request_id: string;
}

/** An error as clients of Anthropic's API expect it. Status and headers are those of all APIs; the id of the request is a header too. */
export function messagesErrorOf(
  thrown: unknown,
  requestId: string,
): Omit<ErrorAnswer, 'body'> & { readonly body: MessagesError } {
  const { status, headers, body } = openAiErrorOf(thrown);
  return {
    status,
    headers: { ...headers, 'request-id': requestId },
    body: { type: 'error', error: { type: typeOf(status), message: body.error.message }, request_id: requestId },
  };
}

export function messagesErrorBody(thrown: unknown, requestId: string): MessagesError {
  return messagesErrorOf(thrown, requestId).body;
}

function typeOf(status: number): string {
  if (status === 401) return 'authentication_error';
  if (status === 403) return 'permission_error';
  if (status === 404) return 'not_found_error';
  if (status === 413) return 'request_too_large';
  if (status === 429) return 'rate_limit_error';
  if (status === 503) return 'overloaded_error';
  if (status === 504) return 'timeout_error';
  return status < 500 ? 'invalid_request_error' : 'api_error';
}
