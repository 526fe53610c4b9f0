import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { writeAtomically } from '../../atomic-files/index.ts';
import { type JobStatus, messageOf, publishJobEvent, type Timers } from '../../core/index.ts';
import { newId } from '../records/ids.ts';
import type { JobRecord } from '../records/job-record.ts';
import { webhookHeaders } from './sign.ts';

/** Sends a request. @returns the status of the answer @throws if there is none */
export type PostWebhook = (
  url: string,
  request: { readonly headers: Readonly<Record<string, string>>; readonly body: string; readonly signal: AbortSignal },
) => Promise<number>;

/** Where state changes are told. */
export interface WebhookTarget {
  readonly url: string;
  readonly secret: string;
}

export interface WebhookQueueOptions {
  /** The folder of those that were not delivered yet. */
  readonly dir: string;
  readonly target: WebhookTarget;
  readonly post: PostWebhook;
  readonly timers: Timers;
  /** Unix time in milliseconds. */
  readonly now: () => number;
}

const pendingSchema = z.object({
  id: z.string(),
  job: z.string(),
  model: z.string(),
  body: z.string(),
  /** Unix time in milliseconds. */
  created: z.number(),
  attempts: z.number().int(),
});

type Pending = z.output<typeof pendingSchema>;

/** States that are told. Those of OpenAI are the three ends. */
const told: readonly JobStatus[] = ['running', 'paused', 'succeeded', 'failed', 'cancelled'];

const firstDelayMs = 5000;
const longestDelayMs = 6 * 60 * 60 * 1000;
/** As long as OpenAI tries. */
const longestTryMs = 72 * 60 * 60 * 1000;
const answerMs = 15_000;
/** WHY: a receiver that is gone for days must not fill the disk. */
const mostPending = 1000;

/** How long to wait after so many attempts: five seconds, and four times as long each time, up to six hours. Pure. */
export function delayAfter(attempts: number): number {
  return Math.min(longestDelayMs, firstDelayMs * 4 ** (attempts - 1));
}

/** Tells a receiver of changes of jobs, until it takes them. What was not delivered is kept over a restart. */
export class WebhookQueue implements AsyncDisposable {
  readonly #options: WebhookQueueOptions;
  readonly #cancels = new Map<string, () => void>();
  readonly #sending = new Set<Promise<void>>();
  readonly #ended = new AbortController();

  constructor(options: WebhookQueueOptions) {
    this.#options = options;
  }

  /** Goes on with what an earlier server did not deliver. */
  async begin(): Promise<void> {
    const { dir } = this.#options;
    for (const name of await readdir(dir)) {
      if (name.startsWith('.')) continue;
      const read = pendingSchema.safeParse(await readJson(join(dir, name)));
      if (read.success) this.#send(read.data);
      else await rm(join(dir, name), { force: true });
    }
  }

  /** Tells the state of a job, if it is one that is told. */
  tell({ id: job, status, fineTunedModel: model }: JobRecord): void {
    if (!told.includes(status) || this.#ended.signal.aborted) return;
    if (this.#cancels.size >= mostPending) {
      return this.#note({ job, model }, `a webhook was left out: ${mostPending} wait to be delivered`);
    }
    const { now } = this.#options;
    const id = newId('evt_');
    const created = now();
    const event = { id, object: 'event', created_at: Math.floor(created / 1000), type: `fine_tuning.job.${status}` };
    this.#send({ id, job, model, body: JSON.stringify({ ...event, data: { id: job } }), created, attempts: 0 });
  }

  #send(pending: Pending): void {
    this.#cancels.set(pending.id, () => undefined);
    const sending = this.#deliver(pending).catch((error: unknown) => {
      this.#cancels.delete(pending.id);
      this.#note(pending, `a webhook is not sent any more: ${messageOf(error)}`);
    });
    this.#sending.add(sending);
    void sending.finally(() => this.#sending.delete(sending));
  }

  async #deliver(pending: Pending): Promise<void> {
    const { target, post, now } = this.#options;
    const { id, body } = pending;
    if (pending.attempts === 0) await this.#keep(pending);
    const timestamp = Math.floor(now() / 1000);
    const headers = webhookHeaders(target.secret, { id, timestamp, body });
    const signal = AbortSignal.any([this.#ended.signal, AbortSignal.timeout(answerMs)]);
    const problem = await post(target.url, { headers, body, signal }).then(
      (status) => (status >= 200 && status < 300 ? undefined : `it answered ${status}`),
      (error: unknown) => messageOf(error),
    );
    if (problem === undefined) return this.#forget(pending);
    if (this.#ended.signal.aborted) return;
    await this.#again({ ...pending, attempts: pending.attempts + 1 }, problem);
  }

  async #again(pending: Pending, problem: string): Promise<void> {
    const { timers, now } = this.#options;
    const { attempts, created } = pending;
    const delay = delayAfter(attempts);
    if (now() + delay - created > longestTryMs) {
      this.#note(pending, `a webhook was given up after ${attempts} attempts: ${problem}`);
      return this.#forget(pending);
    }
    await this.#keep(pending);
    if (attempts === 1) this.#note(pending, `a webhook was not taken, and is sent again: ${problem}`);
    if (!this.#ended.signal.aborted)
      this.#cancels.set(
        pending.id,
        timers.after(delay, () => this.#send(pending)),
      );
  }

  /** WHY it never fails: a webhook that cannot be kept can be delivered all the same, unless the server ends before. */
  async #keep(pending: Pending): Promise<void> {
    const text = JSON.stringify(pending);
    await writeAtomically(this.#pathOf(pending), (handle) => handle.writeFile(text)).catch((error: unknown) =>
      this.#note(pending, `a webhook cannot be kept for the next server: ${messageOf(error)}`),
    );
  }

  async #forget(pending: Pending): Promise<void> {
    this.#cancels.delete(pending.id);
    await rm(this.#pathOf(pending), { force: true });
  }

  #pathOf({ id }: Pick<Pending, 'id'>): string {
    return join(this.#options.dir, `${id}.json`);
  }

  #note({ job, model }: Pick<Pending, 'job' | 'model'>, message: string): void {
    publishJobEvent({ event: 'note', time: this.#options.now(), job, model, level: 'warn', message });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ended.abort(new DOMException('The server ends.', 'AbortError'));
    for (const cancel of this.#cancels.values()) cancel();
    while (this.#sending.size > 0) await Promise.all(this.#sending);
  }
}

async function readJson(path: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as unknown;
  } catch {
    return undefined;
  }
}
