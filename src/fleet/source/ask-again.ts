import type { Clock, Timers } from '../../core/index.ts';

export interface AskOptions {
  /** After how long without an answer it is asked once more. */
  readonly againMs: number;
  /** How long is waited for an answer in all. */
  readonly limitMs: number;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly signal: AbortSignal;
}

export interface Answered<T> {
  readonly answer: T;
  /** How many times it was asked until then. */
  readonly asked: number;
  /** How long the question took that was answered. */
  readonly tookMs: number;
}

/** How long the last question has at least. */
const lastWaitMs = 4000;

/** How many questions may wait for their answers at once. */
const mostAtOnce = 5;

interface Question {
  readonly ending: AbortController;
}

/**
 * Asks a question, and asks it again while there is no answer, beside those that wait: what comes first counts, and the others are ended.
 *
 * WHY: a link that drops what it is given says nothing, and a connection from before its return hears nothing for as long again, because
 * TCP waits twice as long before each repetition. A new connection is answered at once. WHY the first question is not ended for the next:
 * over a slow link each of them may take longer than the pause between two.
 *
 * An error of the newest question is an answer. One of an older question counts only when no other waits.
 * @param ask  one question, over a connection of its own; it ends when its signal says so
 * @throws the error of a question; an error in words when the time is over
 */
export function askAgain<T>(
  ask: (signal: AbortSignal) => Promise<T>,
  { againMs, limitMs, clock, timers, signal }: AskOptions,
): Promise<Answered<T>> {
  if (signal.aborted) return Promise.reject(signal.reason);
  return new Promise((resolve, reject) => {
    const waiting: Question[] = [];
    // WHY not until the end: one that was asked right before it would be ended as soon as it had come through.
    const lastAt = clock.now() + limitMs - Math.min(0.2 * limitMs, lastWaitMs);
    let asked = 0;
    let cancelNext = (): void => undefined;
    const settle = (result: () => void): void => {
      cancelNext();
      cancelLimit();
      signal.removeEventListener('abort', onAbort);
      for (const { ending } of waiting.splice(0)) ending.abort(new Error('it is not waited for any more'));
      result();
    };
    const onAbort = (): void => settle(() => reject(signal.reason));
    const cancelLimit = timers.after(limitMs, () => {
      const times = asked === 1 ? 'once' : `${asked} times`;
      settle(() => reject(new Error(`it was asked ${times} in ${limitMs / 1000} s and has not answered`)));
    });
    signal.addEventListener('abort', onAbort, { once: true });

    const askOnce = (): void => {
      asked++;
      const question = { ending: new AbortController() };
      waiting.push(question);
      // WHY not the first: it has the most time, which a slow link may need.
      if (waiting.length > mostAtOnce) waiting.splice(1, 1)[0]?.ending.abort(new Error('a newer question waits'));
      const began = clock.now();
      if (began + againMs <= lastAt) cancelNext = timers.after(againMs, askOnce);
      ask(question.ending.signal).then(
        (answer) => {
          if (!waiting.includes(question)) return;
          settle(() => resolve({ answer, asked, tookMs: clock.now() - began }));
        },
        (error: unknown) => {
          const place = waiting.indexOf(question);
          if (place === -1) return;
          const isNewest = place === waiting.length - 1;
          waiting.splice(place, 1);
          if (isNewest || waiting.length === 0) settle(() => reject(error));
        },
      );
    };
    askOnce();
  });
}
