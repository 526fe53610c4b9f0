import type { Readable } from 'node:stream';
import { exitCodes } from './command.ts';
import type { Interrupt } from './interrupt.ts';

/** Longer than a step should take. What is lost then is what came after the last checkpoint. */
const patienceMs = 60_000;

/**
 * An abort signal for the end of standard input. A program that starts this one holds the other end: when it ends, in whatever way, so
 * does the input. A process that has not ended a minute later ends at once.
 */
export function listenForEndOfInput(
  input: Readable & { unref?: () => unknown } = process.stdin,
  exit: (code: number) => void = (code) => process.exit(code),
): Interrupt {
  const controller = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const onEnd = (): void => {
    if (controller.signal.aborted) return;
    controller.abort(new DOMException('The input has ended.', 'AbortError'));
    timer = setTimeout(() => exit(exitCodes.interrupted), patienceMs);
    timer.unref();
  };
  input.on('end', onEnd).on('close', onEnd).on('error', onEnd).resume();
  // WHY: listening alone must not keep the process alive.
  input.unref?.();
  return {
    signal: controller.signal,
    [Symbol.dispose]: () => {
      input.off('end', onEnd).off('close', onEnd).off('error', onEnd).pause();
      clearTimeout(timer);
    },
  };
}
