import type { GenerationEngine } from './engine-port.ts';

/** An engine that refuses requests, and ends those under way, with the reason of a signal once that has aborted. */
export function watchedEngine(engine: GenerationEngine, changed: AbortSignal): GenerationEngine {
  return {
    generate(request) {
      changed.throwIfAborted();
      const signal = request.signal === undefined ? changed : AbortSignal.any([request.signal, changed]);
      return engine.generate({ ...request, signal });
    },
    assertRoom: (request) => engine.assertRoom?.(request),
  };
}
