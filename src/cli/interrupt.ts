import { exitCodes } from './command.ts';

/** A signal that Ctrl-C or SIGTERM aborts, and whether it has. Disposing takes the listeners off again. */
export interface Interrupt extends Disposable {
  readonly signal: AbortSignal;
}

/** WHY the second Ctrl-C exits at once: whoever presses it twice no longer wants to wait for a clean end. */
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
