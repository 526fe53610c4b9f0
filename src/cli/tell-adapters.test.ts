import { expect, it } from 'vitest';
import { onAdapterEvent, publishAdapterEvent } from '../core/index.ts';
import { AdapterRegistry } from '../routing/index.ts';
import { adapterOf, FakeArena, FakeFiles } from '../routing/testing/fake-arena.ts';
import { tellAdapters } from './tell-adapters.ts';

it('tells of an adapter that fails before the server is up, and of one that fails later, once each', async () => {
  using registry = new AdapterRegistry(new FakeArena());
  const told: string[] = [];
  {
    using notes = tellAdapters(onAdapterEvent, (text) => told.push(text));
    registry.fail('early', new FakeFiles('early'), new Error('torn'));
    expect(told).toEqual([]);
    notes.begin([]);
    expect(told).toEqual(['The adapter early is not served: torn']);
    registry.announce('late', new FakeFiles('late', new Error('not finite')));
    await registry.readAnnounced();
    await expect(registry.lease('late')).rejects.toThrow('not finite');
    await registry.readAnnounced();
  }
  registry.fail('afterwards', new FakeFiles('afterwards'), new Error('nobody listens'));
  expect(told).toEqual(['The adapter early is not served: torn', 'The adapter late is not served: not finite']);
});

it('tells of every change while the server runs, but not of the adapters that its first line names', async () => {
  using registry = new AdapterRegistry(new FakeArena());
  const told: string[] = [];
  using notes = tellAdapters(onAdapterEvent, (text) => told.push(text));
  await registry.load('before', new FakeFiles('before'));
  registry.announce('policy', new FakeFiles('first version of it'));
  notes.begin(['before', 'policy']);
  await registry.readAnnounced();
  await registry.replace('policy', new FakeFiles('second version of it'));
  await registry.rollback('policy', { cause: { actor: 'eve', reason: 'wrong tone' } });
  await registry.pins.pinName('policy');
  await registry.pins.unpinName('policy');
  await registry.drains.drainName('policy', { cause: { actor: 'eve', reason: 'night' } });
  registry.drains.resumeName('policy');
  await registry.unload('policy');
  await registry.load('policy', new FakeFiles('third'));
  expect(told).toEqual([
    'The adapter policy is replaced: version first versio by second versi',
    'The adapter policy went back: from version second versi to first versio (wrong tone)',
    'The adapter policy stays at version first versio until it is unpinned',
    'The adapter policy can move again',
    'The adapter policy takes no new requests (night)',
    'The adapter policy takes requests again',
    'The adapter policy is unloaded: version first versio',
    'The adapter policy is served: version third',
  ]);
});

it('tells what was left out of an adapter, also before the server is up', async () => {
  using registry = new AdapterRegistry(new FakeArena());
  const told: string[] = [];
  using notes = tellAdapters(onAdapterEvent, (text) => told.push(text));
  await registry.load('early', { ...adapterOf('one'), notes: ['holds copies'] });
  notes.begin(['early']);
  await registry.load('late', { ...adapterOf('one'), notes: ['holds others'] });
  await registry.unload('late');
  expect(told).toEqual([
    'The adapter early holds copies',
    'The adapter late holds others',
    'The adapter late is served: version one',
    'The adapter late is unloaded: version one',
  ]);
});

it('tells of roll-outs, of breakers and of what was put away', () => {
  const told: string[] = [];
  using notes = tellAdapters(onAdapterEvent, (text) => told.push(text));
  notes.begin([]);
  const subject = { event: 'rollout', name: 'policy', version: 'a'.repeat(64) } as const;
  const reason = 'its logits are not finite';
  publishAdapterEvent({ ...subject, reason: 'a new version came', details: { phase: 'running', step: 0 } });
  publishAdapterEvent({ ...subject, details: { phase: 'running', step: 1 } });
  publishAdapterEvent({ ...subject, reason: 'no verdict in time', details: { phase: 'paused', step: 1 } });
  publishAdapterEvent({ ...subject, reason, result: 'failed', details: { phase: 'failed', step: 1 } });
  publishAdapterEvent({ ...subject, error: new Error('disk full'), details: { rollout: 'r' } });
  publishAdapterEvent({
    event: 'quarantine',
    name: 'policy',
    version: 'a'.repeat(64),
    reason,
    error: new Error(reason),
  });
  publishAdapterEvent({ event: 'quarantine', name: 'policy', version: 'a'.repeat(64), reason });
  publishAdapterEvent({ event: 'rollout', error: new Error('its record is damaged') });
  for (const to of ['open', 'half-open', 'closed']) {
    publishAdapterEvent({ event: 'breaker', version: 'b'.repeat(64), details: { to, requests: 10, failures: 6 } });
  }
  const what = 'The roll-out of policy to version aaaaaaaaaaaa';
  expect(told).toEqual([
    `${what} is at step 1 (a new version came)`,
    `${what} is at step 2`,
    `${what} is held (no verdict in time)`,
    `${what} was rolled back (its logits are not finite)`,
    `${what} is not done yet, and is tried again: disk full`,
    'Version aaaaaaaaaaaa of policy was put into quarantine: its logits are not finite',
    'Version aaaaaaaaaaaa of policy was put into quarantine: its logits are not finite',
    'A roll-out cannot go on: its record is damaged',
    'Version bbbbbbbbbbbb is not asked for a while: 6 of its last 10 calls failed',
    'Version bbbbbbbbbbbb is tried again',
    'Version bbbbbbbbbbbb answers again',
  ]);
});
