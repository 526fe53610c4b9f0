import { expect, it } from 'vitest';
import { AdapterRegistry, onAdapterFailure } from '../routing/index.ts';
import { FakeArena, FakeFiles } from '../routing/testing/fake-arena.ts';
import { tellFailures } from './tell-failures.ts';

it('tells of an adapter that fails before the server is up, and of one that fails later, once each', async () => {
  using registry = new AdapterRegistry(new FakeArena());
  const told: string[] = [];
  {
    using failures = tellFailures(onAdapterFailure, (text) => told.push(text));
    registry.fail('early', new FakeFiles('early'), new Error('torn'));
    expect(told).toEqual([]);
    failures.begin();
    expect(told).toEqual(['The adapter early is not served: torn']);
    registry.announce('late', new FakeFiles('late', new Error('not finite')));
    await registry.readAnnounced();
    await expect(registry.lease('late')).rejects.toThrow('not finite');
    await registry.readAnnounced();
  }
  registry.fail('afterwards', new FakeFiles('afterwards'), new Error('nobody listens'));
  expect(told).toEqual(['The adapter early is not served: torn', 'The adapter late is not served: not finite']);
});
