import { describe, expect, it } from 'vitest';
import type { ServedModel } from './inference-context.ts';
import { watchedModel } from './watched-model.ts';

const model: ServedModel = {
  name: 'm',
  signature: { inputs: [], outputs: [], batching: { joins: true, axis: 'batch' } },
  batching: { joins: true, axis: 'batch' },
  isReady: true,
  infer: ({ signal }) =>
    new Promise((_, reject) => {
      signal?.addEventListener('abort', () => reject(signal.reason), { once: true });
    }),
  stats: () => ({ requests: 0, batches: 0, rows: 0, largestBatch: 0 }),
};

describe('watchedModel', () => {
  it('ends requests under way and refuses others once the files have changed', async () => {
    const changed = new AbortController();
    const watched = watchedModel(model, changed.signal);
    const request = { inputs: new Map() };
    const asked = [watched.infer(request), watched.infer({ ...request, signal: new AbortController().signal })];
    expect(watched.isReady).toBe(true);
    changed.abort(new Error('written to'));
    for (const each of asked) await expect(each).rejects.toThrow('written to');
    expect(watched.isReady).toBe(false);
    await expect(watched.infer(request)).rejects.toThrow('written to');
  });

  it("still ends a request by the caller's own signal", async () => {
    const [changed, own] = [new AbortController(), new AbortController()];
    const asked = watchedModel(model, changed.signal).infer({ inputs: new Map(), signal: own.signal });
    own.abort(new Error('left'));
    await expect(asked).rejects.toThrow('left');
  });
});
