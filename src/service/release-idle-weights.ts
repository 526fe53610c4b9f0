import type { AdapterRegistry } from '../routing/index.ts';

/** How often it is looked for idle weights: they are released this much later at most. */
const everyMs = 1000;

/** Lets the registry release weights that were not used for long, until the result is disposed. */
export function releaseIdleWeights(registry: Pick<AdapterRegistry, 'releaseIdle'>): Disposable {
  const timer = setInterval(() => registry.releaseIdle(), everyMs);
  timer.unref();
  return { [Symbol.dispose]: () => clearInterval(timer) };
}
