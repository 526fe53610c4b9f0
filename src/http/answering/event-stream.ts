import type { ServerResponse } from 'node:http';
import type { StreamEvent } from './answer-format.ts';

/** Time between two comments on an idle stream, so that proxies and clients do not close it. */
const heartbeatMs = 10_000;

/** Headers that the answer already has. */
export type AnswerHeaders = Readonly<Record<string, string | number | readonly string[] | undefined>>;

/** An answer as server-sent events. */
export interface EventStream {
  /** Sends an event. Waits if the client reads more slowly than the server writes. */
  send(event: StreamEvent): Promise<void>;
  /** Ends the answer. */
  end(): void;
}

/**
 * Sends the headers at once, so that the client knows before the first token that its request was accepted.
 *
 * @param response this function takes ownership of it
 * @see WHATWG HTML, 9.2 Server-sent events
 */
export function openEventStream(response: ServerResponse, headers: AnswerHeaders): EventStream {
  response.writeHead(200, {
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-cache',
    'x-accel-buffering': 'no',
    ...headers,
  });
  response.flushHeaders();
  let draining: Promise<void> | undefined;
  const heartbeat = setInterval(() => response.write(': ping\n\n'), heartbeatMs);
  heartbeat.unref();
  response.once('close', () => clearInterval(heartbeat));
  return {
    async send(event) {
      if (response.destroyed || response.writableEnded) return;
      if (response.write(textOf(event))) return;
      // WHY one promise for all: a hundred choices may wait for the same client.
      draining ??= drained(response).finally(() => (draining = undefined));
      await draining;
    },
    end() {
      clearInterval(heartbeat);
      if (!response.destroyed) response.end();
    },
  };
}

function textOf({ name, id, data }: StreamEvent): string {
  const head = (name === undefined ? '' : `event: ${name}\n`) + (id === undefined ? '' : `id: ${id}\n`);
  return `${head}data: ${typeof data === 'string' ? data : JSON.stringify(data)}\n\n`;
}

function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const settle = (): void => {
      response.off('drain', settle).off('close', settle);
      resolve();
    };
    response.on('drain', settle).on('close', settle);
  });
}
