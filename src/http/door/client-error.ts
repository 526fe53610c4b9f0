import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { STATUS_CODES } from 'node:http';
import { EspalierError } from '../../core/index.ts';
import { openAiErrorOf } from '../openai/openai-error.ts';

/**
 * Answers what Node would otherwise answer itself, without a body: a connection without a valid request, because its headers are too
 * large, do not arrive in time, or are not HTTP; requests for a tunnel, and with an `Expect` that is unknown. The answers have OpenAI's
 * form, because the API that was meant is unknown.
 */
export class ClientErrors {
  /** The last answer of each connection. */
  readonly #last = new WeakMap<Duplex, ServerResponse>();
  /** Bytes that a connection had sent when its last answer was whole. */
  readonly #answered = new WeakMap<Duplex, number>();
  /** Connections that were opened for later requests, and have sent nothing yet. */
  readonly #quiet = new WeakSet<Duplex>();
  #server: Server | undefined;

  /** Listens to a server. Its errors of clients come through `answer`. */
  watch(server: Server): void {
    this.#server = server;
    server.on('request', (request: IncomingMessage, response: ServerResponse) => {
      const { socket } = request;
      if (this.#quiet.delete(socket)) socket.setTimeout(0);
      this.#last.set(socket, response);
      response.once('finish', () => this.#answered.set(socket, socket.bytesWritten));
    });
    server.on('connect', (_request: IncomingMessage, socket: Duplex) => {
      // WHY: the parser no longer listens to a connection that asked for a tunnel.
      socket.on('error', () => socket.destroy());
      const problem = 'this server is no proxy, and takes no CONNECT';
      end(socket, new EspalierError('REQUEST_INVALID', { param: 'request', problem }));
    });
    // WHY not refused: an expectation that is not met may be ignored, and the request is answered as any other (RFC 9110, 10.1.1).
    server.on('checkExpectation', (request: IncomingMessage, response: ServerResponse) => {
      server.emit('request', request, response);
    });
  }

  answer(error: NodeJS.ErrnoException, socket: Socket): void {
    if (error.code !== 'ERR_HTTP_REQUEST_TIMEOUT') return this.#refuse(error, socket);
    if (socket.bytesRead === 0) return this.#keep(socket);
    const before = this.#last.get(socket);
    // WHY a turn later: where the process stood still, its timers come before what arrived meanwhile.
    setImmediate(() => {
      if (this.#last.get(socket) === before) this.#refuse(error, socket);
    });
  }

  /**
   * Keeps a connection that has sent nothing as long as one between two requests, and then ends it without an answer.
   *
   * WHY: clients open connections for later requests. A refusal that nobody has asked for is what such a client would read as the answer
   * to its first request. From its first byte on, a head has its usual time.
   */
  #keep(socket: Socket): void {
    this.#quiet.add(socket);
    socket.setTimeout(this.#server?.keepAliveTimeout ?? 0);
  }

  #refuse(error: NodeJS.ErrnoException, socket: Socket): void {
    const last = this.#last.get(socket);
    if (last?.req.complete === true && !last.closed) {
      // WHY: the fault is of what came after this request, and answers come in the order of their requests.
      last.once('close', () => this.#refuse(error, socket));
      return;
    }
    // WHY the bytes: if part of an answer has been sent, another answer must not be inserted into it.
    const isBetweenAnswers = socket.bytesWritten === (this.#answered.get(socket) ?? 0);
    if (error.code === 'ECONNRESET' || !socket.writable || !isBetweenAnswers) socket.destroy();
    else end(socket, ownErrorOf(error));
  }
}

/** Answers on a connection with an error, and ends it. */
function end(socket: Duplex, error: EspalierError): void {
  const { status, body } = openAiErrorOf(error);
  const text = JSON.stringify(body);
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`,
    'content-type: application/json; charset=utf-8',
    `content-length: ${Buffer.byteLength(text)}`,
    'connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${text}`, () => socket.destroy());
}

function ownErrorOf({ code, message }: NodeJS.ErrnoException): EspalierError {
  if (code === 'HPE_HEADER_OVERFLOW') return new EspalierError('HEADERS_TOO_LARGE', {});
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') {
    return new EspalierError('REQUEST_TIMEOUT', { what: 'head', within: 'its time' });
  }
  return new EspalierError('REQUEST_INVALID', { param: 'request', problem: `it is no HTTP: ${message.slice(0, 200)}` });
}
