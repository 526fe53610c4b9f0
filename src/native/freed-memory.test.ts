import { describe, expect, it } from 'vitest';
import { collectGarbage } from './freed-memory.ts';

describe('collectGarbage', () => {
  it('gives up what nothing refers to any more', () => {
    let garbage: Uint8Array | undefined = new Uint8Array(1000);
    const reference = new WeakRef(garbage);
    return new Promise<void>((resolve) => {
      garbage = undefined;
      // WHY later: a WeakRef keeps its target until the turn of the event loop in which it was made has ended.
      setImmediate(() => {
        collectGarbage();
        expect(reference.deref()).toBeUndefined();
        expect(garbage).toBeUndefined();
        resolve();
      });
    });
  });
});
