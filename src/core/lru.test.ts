import { describe, expect, it } from 'vitest';

import { LeastRecentlyUsed } from './lru.ts';

describe('LeastRecentlyUsed', () => {
  it('lets go of what was not used for longest, once the limit is passed', () => {
    const gone: number[] = [];
    const cache = new LeastRecentlyUsed<number>(2, (value) => gone.push(value));
    cache.set('a', 1);
    cache.set('b', 2);
    cache.get('a');
    cache.set('c', 3);
    expect([gone, cache.get('a'), cache.get('b'), cache.get('c')]).toEqual([[2], 1, undefined, 3]);
  });

  it('lets go of everything when cleared', () => {
    const gone: number[] = [];
    const cache = new LeastRecentlyUsed<number>(2, (value) => gone.push(value));
    cache.set('a', 1);
    cache.clear();
    expect([gone, cache.get('a')]).toEqual([[1], undefined]);
  });
});
