import type { Readable } from 'node:stream';
import type { FastifyRequest } from 'fastify';
import { EspalierError, Pace } from '../../core/index.ts';
import { bodyTooLarge } from './body-too-large.ts';
import type { Timers } from './timers.ts';

export interface BodyReaderOptions {
  readonly timers: Timers;
  /** Most bodies that may arrive at once. */
  readonly maxBodies?: number;
  /** Most bytes of all arriving bodies together. */
  readonly maxBytes?: number;
}

/** Time for every body, plus one second per half megabyte, so that slow lines are accepted. */
const bodyMs = 30_000;
const bytesPerMs = 512;

interface Arrival {
  bytes: number;
  fail(error: EspalierError): void;
}

/**
 * Reads the bodies of requests, each within a time limit. If too many bodies are arriving, or if they hold too many bytes, the oldest
 * one is ended: a client that deliberately sends slowly has an older body than one that sends at full speed.
 */
export class BodyReader {
  readonly #options: Required<BodyReaderOptions>;
  /** The arriving bodies in the order of their beginning. */
  readonly #arrivals = new Set<Arrival>();
  #bytes = 0;

  constructor({ timers, maxBodies = 256, maxBytes = 2 ** 29 }: BodyReaderOptions) {
    this.#options = { timers, maxBodies, maxBytes };
  }

  /** @throws EspalierError BODY_TOO_LARGE, BODY_BEYOND_CONTEXT, REQUEST_TIMEOUT, REQUEST_INVALID if the body ends early, or the reason of `endAll` */
  read(request: FastifyRequest, stream: Readable): Promise<Buffer> {
    const limit = request.routeOptions.bodyLimit;
    const announced = Number(request.headers['content-length'] ?? limit);
    if (announced > limit) return Promise.reject(bodyTooLarge(request));
    return new Promise((resolve, reject) => {
      const chunks: Buffer[] = [];
      const ms = bodyMs + announced / bytesPerMs;
      const arrival: Arrival = { bytes: 0, fail: (error) => settle(() => reject(error)) };
      const cancel = this.#options.timers.after(ms, () => arrival.fail(timeout(ms)));
      const onData = (chunk: Buffer): void => {
        if (arrival.bytes + chunk.byteLength > limit) {
          arrival.fail(bodyTooLarge(request));
          return;
        }
        chunks.push(chunk);
        this.#grow(arrival, chunk.byteLength);
      };
      const onEnd = (): void => settle(() => resolve(join(chunks, arrival.bytes)));
      const onClose = (): void => arrival.fail(endedEarly());
      const settle = (finish: () => void): void => {
        stream.off('data', onData).off('end', onEnd).off('error', onClose).off('close', onClose);
        // WHY: nothing handles a later error, and it must not end the process.
        stream.on('error', () => undefined);
        cancel();
        this.#remove(arrival);
        finish();
      };
      stream.on('data', onData).on('end', onEnd).on('error', onClose).on('close', onClose);
      this.#add(arrival);
    });
  }

  /** Ends every arriving body. */
  endAll(reason: EspalierError): void {
    for (const arrival of this.#arrivals) arrival.fail(reason);
  }

  #add(arrival: Arrival): void {
    this.#arrivals.add(arrival);
    if (this.#arrivals.size > this.#options.maxBodies) this.#endOldest();
  }

  #grow(arrival: Arrival, bytes: number): void {
    arrival.bytes += bytes;
    this.#bytes += bytes;
    if (this.#bytes > this.#options.maxBytes) this.#endOldest();
  }

  #remove(arrival: Arrival): void {
    if (this.#arrivals.delete(arrival)) this.#bytes -= arrival.bytes;
  }

  #endOldest(): void {
    for (const arrival of this.#arrivals) {
      arrival.fail(
        new EspalierError('REQUEST_TIMEOUT', { what: 'body', within: 'its turn: too many are on their way' }),
      );
      return;
    }
  }
}

/** Joins chunks in slices. WHY: to copy 64 MB into fresh memory takes some tens of milliseconds. */
async function join(chunks: readonly Buffer[], total: number): Promise<Buffer> {
  const whole = Buffer.allocUnsafe(total);
  const pace = new Pace();
  let end = 0;
  for (const chunk of chunks) {
    end += chunk.copy(whole, end);
    const turn = pace.step();
    if (turn) await turn;
  }
  return whole;
}

function timeout(ms: number): EspalierError {
  return new EspalierError('REQUEST_TIMEOUT', { what: 'body', within: `${Math.round(ms / 1000)} seconds` });
}

function endedEarly(): EspalierError {
  return new EspalierError('REQUEST_INVALID', { param: 'body', problem: 'it ended before it was complete' });
}
