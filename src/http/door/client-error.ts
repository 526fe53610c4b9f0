import type { Socket } from 'node:net';
import { STATUS_CODES } from 'node:http';
import type { FastifyInstance } from 'fastify';
import { EspalierError } from '../../core/index.ts';
import { openAiErrorOf } from '../openai/openai-error.ts';

/**
 * Answers on a connection without a valid request: its headers are too large, do not arrive in time, or are not HTTP. The answer has
 * OpenAI's form, because the API that was meant is unknown.
 */
export function answerClientError(this: FastifyInstance, error: NodeJS.ErrnoException, socket: Socket): void {
  // WHY bytesWritten: if part of an answer has been sent, another answer must not be inserted into it.
  if (error.code !== 'ECONNRESET' && socket.writable && socket.bytesWritten === 0) {
    const { status, body } = openAiErrorOf(ownErrorOf(error));
    const text = JSON.stringify(body);
    const head = [
      `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`,
      'content-type: application/json; charset=utf-8',
      `content-length: ${Buffer.byteLength(text)}`,
      'connection: close',
    ];
    socket.end(`${head.join('\r\n')}\r\n\r\n${text}`, () => socket.destroy());
    return;
  }
  socket.destroy();
}

function ownErrorOf({ code, message }: NodeJS.ErrnoException): EspalierError {
  if (code === 'HPE_HEADER_OVERFLOW') return new EspalierError('HEADERS_TOO_LARGE', {});
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') {
    return new EspalierError('REQUEST_TIMEOUT', { what: 'head', within: 'its time' });
  }
  return new EspalierError('REQUEST_INVALID', { param: 'request', problem: `it is no HTTP: ${message.slice(0, 200)}` });
}
