import { expect, it } from 'vitest';
import { type AdapterEvent, onAdapterEvent } from '../../core/index.ts';
import { DeclaredFallbacks, type FallbackRecords } from './declared-fallbacks.ts';
import type { Fallback } from './fallback.ts';

class FakeRecords implements FallbackRecords {
  kept: ReadonlyMap<string, Fallback> | undefined;
  failure: Error | undefined;

  read(): Promise<ReadonlyMap<string, Fallback> | undefined> {
    return Promise.resolve(this.kept);
  }

  write(declared: ReadonlyMap<string, Fallback>): Promise<void> {
    if (this.failure) return Promise.reject(this.failure);
    this.kept = declared;
    return Promise.resolve();
  }
}

it('gives each name what was declared for it, and the others the usual', async () => {
  const events: AdapterEvent[] = [];
  using _ = onAdapterEvent((event) => void (event.event === 'fallback' && events.push(event)));
  const records = new FakeRecords();
  const fallbacks = new DeclaredFallbacks({ usual: 'error', records });
  await Promise.all([fallbacks.declare('a', 'base'), fallbacks.declare('b', 'previous', { actor: 'key ops' })]);
  expect(['a', 'b', 'c'].map((name) => fallbacks.of(name))).toEqual(['base', 'previous', 'error']);
  await fallbacks.declare('a', undefined);
  expect([fallbacks.of('a'), fallbacks.has('a')]).toEqual(['error', false]);
  expect(events.map(({ name, actor, details }) => [name, actor, details])).toEqual([
    ['a', 'server', { fallback: 'base', before: 'error', isDeclared: true }],
    ['b', 'key ops', { fallback: 'previous', before: 'error', isDeclared: true }],
    ['a', 'server', { fallback: 'error', before: 'base', isDeclared: false }],
  ]);
});

it('goes on with what was kept, and changes nothing that cannot be kept', async () => {
  const records = new FakeRecords();
  await new DeclaredFallbacks({ records }).declare('a', 'base');
  const fallbacks = new DeclaredFallbacks({ records });
  await fallbacks.begin();
  records.failure = new Error('the disk is full');
  await expect(fallbacks.declare('a', 'error')).rejects.toThrow('the disk is full');
  expect([fallbacks.of('a'), fallbacks.of('b')]).toEqual(['base', 'previous']);
});
