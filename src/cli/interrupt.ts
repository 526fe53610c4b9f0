import { exitCodes } from './command.ts';

/** An abort signal for Ctrl-C and SIGTERM. Disposing it removes the listeners. */
export interface Interrupt extends Disposable {
  readonly signal: AbortSignal;
}

/** WHY the second Ctrl-C exits at once: the first has already requested a clean end, and the person does not want to wait for it. */
export function listenForInterrupt(source: NodeJS.Process = process): Interrupt {
  const controller = new AbortController();
  const onSignal = (): void => {
    if (controller.signal.aborted) source.exit(exitCodes.interrupted);
    controller.abort(new DOMException('Interrupted.', 'AbortError'));
  };
  source.on('SIGINT', onSignal);
  source.on('SIGTERM', onSignal);
  return {
    signal: controller.signal,
    [Symbol.dispose]: () => {
      source.off('SIGINT', onSignal);
      source.off('SIGTERM', onSignal);
    },
  };
}
