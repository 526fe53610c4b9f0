import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type AdapterEvent, onAdapterEvent, publishAdapterEvent } from '../../core/index.ts';
import { BreakerTable } from './breaker-table.ts';
import type { Admitted } from './breaker.ts';

let events: AdapterEvent[];
let table: BreakerTable;
let heard: Disposable;
beforeEach(() => {
  events = [];
  table = new BreakerTable({ minimumRequests: 2 });
  heard = onAdapterEvent((event) => events.push(event));
});
afterEach(() => {
  heard[Symbol.dispose]();
  table[Symbol.dispose]();
});

function fail(version: string): Admitted {
  const admission = table.of(version).admit(0);
  if (admission.kind === 'refuse') throw new Error('refused');
  table.record(version, admission, { outcome: 'failure' }, 0);
  return admission;
}

describe('the breakers of all versions', () => {
  it('trip each by itself, and tell it', () => {
    const changes: string[] = [];
    const listening = table.onChange((version, { to }) => changes.push(`${version} ${to}`));
    fail('a');
    fail('a');
    fail('b');
    listening[Symbol.dispose]();
    fail('b');
    expect(table.list(0).map(({ version, state }) => `${version} ${state}`)).toEqual(['a open', 'b open']);
    expect(changes).toEqual(['a open']);
    const details = { from: 'closed', to: 'open', requests: 2, failures: 2 };
    expect(events).toMatchObject(['a', 'b'].map((version) => ({ event: 'breaker', version, details })));
  });

  it('are forgotten when their version retires, and late results do not bring them back', () => {
    const admitted = fail('a');
    publishAdapterEvent({ event: 'retire', version: 'a' });
    table.record('a', admitted, { outcome: 'failure' }, 0);
    expect(table.list(0)).toEqual([]);
  });

  it('stay when another version retires', () => {
    fail('a');
    publishAdapterEvent({ event: 'retire', version: 'b' });
    expect(table.list(0).length).toBe(1);
  });
});
