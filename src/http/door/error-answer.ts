import type { FastifyReply, FastifyRequest } from 'fastify';
import { EspalierError } from '../../core/index.ts';
import { messagesErrorOf } from '../messages/messages-error.ts';
import { openAiErrorOf } from '../openai/openai-error.ts';
import { hideNames } from '../keys/hide-names.ts';
import { holderOf } from '../keys/key-holder.ts';
import { bodyTooLarge } from './body-too-large.ts';
import { CallerLeft } from './caller-left.ts';

/** Answers an error in the form of the API of the request: OpenAI's, Anthropic's, or that of the Open Inference Protocol. */
export function answerError(error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const own = ownErrorOf(error, request);
  logFailure(own, request);
  const url = request.routeOptions.url ?? request.url;
  if (url.startsWith('/v1/messages')) return answerMessagesError(own, request, reply);
  const { status, headers, body } = openAiErrorOf(forReader(own, request));
  return reply
    .status(status)
    .headers(headers)
    .send(url.startsWith('/v2') ? { error: body.error.message } : body);
}

/** Statuses of the 5xx range that say how busy or how far the server is, and not that something failed. */
const ofTheMoment: ReadonlySet<number> = new Set([503, 504]);

/**
 * Logs an error that is a failure of the server. WHY no others: refusals are counted by their status, and would fill the log of a server
 * that is only busy.
 */
export function logFailure(error: unknown, { log }: Pick<FastifyRequest, 'log'>): void {
  if (error instanceof CallerLeft) return;
  const { status } = EspalierError.isInstance(error) ? error : { status: 500 };
  if (status >= 500 && !ofTheMoment.has(status)) log.error(error);
}

function answerMessagesError(error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const { status, headers, body } = messagesErrorOf(forReader(error, request), request.id);
  return reply.status(status).headers(headers).send(body);
}

/** An error as the sender of the request may read it. */
export function forReader(error: unknown, request: FastifyRequest): unknown {
  const { servedNames } = request.server;
  return hideNames(error, holderOf(request), () => servedNames(request.routeOptions.url ?? ''));
}

/** Converts errors of the framework to ours. Other errors are returned unchanged. */
function ownErrorOf(error: unknown, request: FastifyRequest): unknown {
  if (EspalierError.isInstance(error) || !(error instanceof Error)) return error;
  const code = 'code' in error ? error.code : undefined;
  const because = { cause: error };
  switch (code) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return bodyTooLarge(request);
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE': {
      const actual = (request.headers['content-type'] ?? 'none').slice(0, 100);
      return new EspalierError('CONTENT_TYPE_UNSUPPORTED', { expected: 'application/json', actual }, because);
    }
    case 'FST_ERR_MAX_PARAM_LENGTH':
      return new EspalierError('URL_TOO_LONG', { limit: maxParamLength }, because);
    case 'FST_ERR_BAD_URL':
      return invalid('url', 'its percent-encoding cannot be read', because);
    default:
      return isOfClient(error) ? invalid('body', `it cannot be read: ${error.message.slice(0, 200)}`, because) : error;
  }
}

/** Most characters of one part of a path. A `model:adapter` has up to 128 for each name. */
export const maxParamLength = 512;

function invalid(param: string, problem: string, because: { readonly cause: Error }): EspalierError {
  return new EspalierError('REQUEST_INVALID', { param, problem }, because);
}

/** Errors of the framework and of the socket while the request is read have a status of the 4xx range. */
function isOfClient(error: Error): boolean {
  const status = 'statusCode' in error ? error.statusCode : undefined;
  return typeof status === 'number' && status >= 400 && status < 500;
}
