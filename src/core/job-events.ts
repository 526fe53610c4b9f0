import { channel, subscribe, unsubscribe } from 'node:diagnostics_channel';

/** The states of a fine-tuning job, with OpenAI's names. */
export const jobStatuses = [
  'validating_files',
  'queued',
  'running',
  'paused',
  'succeeded',
  'failed',
  'cancelled',
] as const;

export type JobStatus = (typeof jobStatuses)[number];

/** What is published on the channel `espalier:job`. */
export type JobEvent = {
  /** Unix time in milliseconds. */
  readonly time: number;
  readonly job: string;
  /** The name of the adapter that the job makes. */
  readonly model: string;
} & (
  | {
      readonly event: 'status';
      readonly status: JobStatus;
      /** When the job was made, as Unix time in milliseconds. */
      readonly created: number;
      readonly error?: string | undefined;
      /** The code of the error. */
      readonly code?: string | undefined;
      /** The span of the request that made the job, as the header `traceparent` names it. */
      readonly trace?: string | undefined;
    }
  | {
      readonly event: 'step';
      /** Counted from 1. */
      readonly step: number;
      readonly steps: number;
      /** In nats for each token, before the update; NaN where it was not finite. */
      readonly loss: number;
      readonly validLoss?: number | undefined;
      readonly tokensPerSecond: number;
    }
  | { readonly event: 'checkpoint'; readonly step: number }
  | { readonly event: 'note'; readonly level: 'info' | 'warn' | 'error'; readonly message: string }
);

const name = 'espalier:job';
const events = channel(name);

/** Without listeners it costs nothing. */
export function publishJobEvent(event: JobEvent): void {
  if (events.hasSubscribers) events.publish(event);
}

/** Calls `listener` for each event of the jobs of this process, until the result is disposed. */
export function onJobEvent(listener: (event: JobEvent) => void): Disposable {
  const hear = (message: unknown): void => listener(message as JobEvent);
  subscribe(name, hear);
  return { [Symbol.dispose]: () => void unsubscribe(name, hear) };
}
