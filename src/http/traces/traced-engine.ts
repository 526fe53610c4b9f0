import type { GenerationEngine } from '../../service/index.ts';
import type { Tracing } from '../../telemetry/index.ts';

/** Wraps an engine: each generation knows the request that it belongs to. */
export function tracedEngine(engine: GenerationEngine, tracing: Pick<Tracing, 'current'>): GenerationEngine {
  return {
    generate(request) {
      const origin = tracing.current();
      return engine.generate(origin === undefined ? request : { ...request, origin });
    },
    ...(engine.reserve && { reserve: engine.reserve.bind(engine) }),
  };
}
