import type { AdapterRegistry } from '../routing/index.ts';

/** How often it is looked: idle weights are released, and overdue leases told of, this much later at most. */
const everyMs = 1000;

/** Lets the registry release weights that were not used for long, and tell of overdue leases, until the result is disposed. */
export function tendRegistry(registry: Pick<AdapterRegistry, 'releaseIdle' | 'tellOverdueLeases'>): Disposable {
  const timer = setInterval(() => {
    registry.releaseIdle();
    registry.tellOverdueLeases();
  }, everyMs);
  timer.unref();
  return { [Symbol.dispose]: () => clearInterval(timer) };
}
