import type { GenerationEngine } from './engine-port.ts';

/** Wraps an engine. After the signal has aborted, it refuses new requests and ends running ones with the signal's reason. */
export function watchedEngine(engine: GenerationEngine, changed: AbortSignal): GenerationEngine {
  return {
    generate(request) {
      changed.throwIfAborted();
      const signal = request.signal === undefined ? changed : AbortSignal.any([request.signal, changed]);
      return engine.generate({ ...request, signal });
    },
    ...(engine.reserve && { reserve: engine.reserve.bind(engine) }),
  };
}
