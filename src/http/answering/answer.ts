import type { FastifyReply } from 'fastify';
import { Pace } from '../../core/index.ts';
import type { AnswerFormat, StreamEvent } from './answer-format.ts';
import { collect, type Choice, type StartedAnswer, TokenCount } from '../../answering/index.ts';
import { openEventStream, type AnswerHeaders, type EventStream } from './event-stream.ts';
import { systemTimers, type Timers } from '../door/timers.ts';

export interface AnswerOptions extends StartedAnswer {
  readonly format: AnswerFormat;
  readonly headers: AnswerHeaders;
  /** Ends the generation. Called when one choice fails, so that the others do not continue without a reader. */
  readonly abort: (reason: unknown) => void;
  /** Whether a stream begins with its first token only, because another version may have to answer if there is none. */
  readonly waitsForToken: boolean;
  readonly timers?: Timers | undefined;
  /** An error as the client may read it. */
  readonly forReader: (error: unknown) => unknown;
}

/** A stream that waits for its first token begins after this time all the same, so that proxies and clients do not give it up. */
const longestSilenceMs = 10_000;

/** Collects every choice and returns the answer as one object. */
export async function answerWhole(options: AnswerOptions): Promise<object> {
  try {
    const { choices, format } = options;
    const wholes = await allOf(choices, ({ index, pieces }) => {
      return collect(pieces, (piece) => format.gather?.(index, piece));
    });
    const count = new TokenCount();
    for (const whole of wholes) count.add(whole);
    return options.format.whole(wholes, count.usage(options));
  } catch (error) {
    options.abort(error);
    throw error;
  }
}

/**
 * Streams every choice as it is generated. An error after the first byte is sent as an event, which clients understand, and returned.
 * An error before it is thrown.
 */
export async function answerStream(options: AnswerOptions, reply: FastifyReply): Promise<{ readonly error?: unknown }> {
  const { format, timers = systemTimers } = options;
  let opened: EventStream | undefined;
  const open = (): EventStream => {
    if (opened !== undefined) return opened;
    reply.hijack();
    opened = openEventStream(reply.raw, options.headers);
    return opened;
  };
  const cancelTimer = options.waitsForToken ? timers.after(longestSilenceMs, () => void open()) : undefined;
  if (!options.waitsForToken) open();
  const count = new TokenCount();
  const send = async (events: readonly StreamEvent[]): Promise<void> => {
    for (const event of events) await open().send(event);
  };
  try {
    await allOf(options.choices, async ({ index, pieces }) => {
      let isBegun = false;
      const begin = async (): Promise<void> => {
        if (!isBegun) await send(format.begin(index));
        isBegun = true;
      };
      if (opened !== undefined) await begin();
      for await (const piece of pieces) {
        await begin();
        count.add(piece);
        await send(format.piece(index, piece));
      }
    });
    await send(format.end(count.usage(options)));
  } catch (error) {
    options.abort(error);
    if (opened === undefined) throw error;
    await send(format.failed(options.forReader(error)));
    open().end();
    return { error };
  } finally {
    cancelTimer?.();
  }
  open().end();
  return {};
}

/** Reads all choices at the same time. They are begun in slices, because each makes a decoder first. */
async function allOf<T>(choices: readonly Choice[], read: (choice: Choice) => Promise<T>): Promise<T[]> {
  const pace = new Pace();
  const readings: Promise<T>[] = [];
  for (const choice of choices) {
    const reading = read(choice);
    // WHY: it may fail before all are awaited below, and an error that nothing handles would end the process.
    reading.catch(() => undefined);
    readings.push(reading);
    const turn = pace.step();
    if (turn) await turn;
  }
  return Promise.all(readings);
}
