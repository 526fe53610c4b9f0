import type { FastifyReply } from 'fastify';
import { EspalierError } from '../../core/index.ts';
import { CallerLeft } from '../door/caller-left.ts';
import { systemTimers, type Timers } from '../door/timers.ts';

/** How long the client waits for the whole answer. */
export const deadlineHeader = 'x-request-timeout-ms';

const longestMs = 86_400_000;

/** Ends the call that is under way when the client goes away, or when the time is over that it gave. */
export class ClientConnection {
  /** Whether the client has ended the request in one of both ways: that is no failure of the version that answers. */
  hasEnded = false;
  #call: AbortController | undefined;
  #reason: unknown;
  readonly #cancelTimer: (() => void) | undefined;

  /** @throws EspalierError REQUEST_INVALID for a time that is none */
  constructor(reply: FastifyReply, timers: Timers = systemTimers) {
    const ms = deadlineOf(reply.request.headers[deadlineHeader]);
    reply.raw.once('close', () => {
      if (!reply.raw.writableFinished) this.#end(new CallerLeft());
    });
    if (ms === undefined) return;
    const passed = (): void => this.#end(new EspalierError('DEADLINE_PASSED', { ms, header: deadlineHeader }));
    this.#cancelTimer = timers.after(ms, passed);
  }

  /** @returns what ends the next call */
  begin(): AbortController {
    this.#call = new AbortController();
    if (this.hasEnded) this.#call.abort(this.#reason);
    return this.#call;
  }

  #end(reason: unknown): void {
    if (this.hasEnded) return;
    this.hasEnded = true;
    this.#reason = reason;
    this.#call?.abort(reason);
  }

  [Symbol.dispose](): void {
    this.#cancelTimer?.();
  }
}

function deadlineOf(given: string | readonly string[] | undefined): number | undefined {
  if (given === undefined) return undefined;
  const ms = typeof given === 'string' && /^\d{1,8}$/.test(given) ? Number(given) : 0;
  if (ms >= 1 && ms <= longestMs) return ms;
  const problem = `a whole number of milliseconds from 1 to ${longestMs} is expected, got ${JSON.stringify(given).slice(0, 100)}`;
  throw new EspalierError('REQUEST_INVALID', { param: deadlineHeader, problem });
}
