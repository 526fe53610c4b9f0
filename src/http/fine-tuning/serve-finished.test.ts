import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { EspalierError } from '../../core/index.ts';
import type { PreparedAdapter } from '../../engine/index.ts';
import { type AdapterArena, AdapterRegistry, type AdapterControl, createAdapterControl } from '../../routing/index.ts';
import { FakeArena } from '../../routing/testing/fake-arena.ts';
import { FakeStore } from '../../routing/testing/fake-store.ts';
import { Rollouts } from '../../service/rollouts/rollouts.ts';
import { serveFinished } from './serve-finished.ts';

const [older, fresh] = ['1', '2'].map((digit) => digit.repeat(64)) as [string, string];
const model = 'ft:base:support:x7';
const cause = { actor: 'key one', reason: 'fine-tuning job ftjob-1' };

let registry: AdapterRegistry<PreparedAdapter>;
let rollouts: Rollouts<PreparedAdapter>;
let control: AdapterControl;
let store: FakeStore;
let refused: string | undefined;
let unsigned: string | undefined;
let signed: string[];
afterEach(async () => {
  await rollouts[Symbol.asyncDispose]();
  registry.dispose();
});
beforeEach(() => open('immediate'));

async function open(mode: 'immediate' | 'progressive'): Promise<void> {
  [refused, unsigned, signed] = [undefined, undefined, []];
  registry = new AdapterRegistry(new FakeArena() as unknown as AdapterArena<PreparedAdapter>, { memory: 1000 });
  rollouts = new Rollouts({ registry, mode, clock: { now: () => 0 } });
  store = new FakeStore([older, fresh], {
    put: (name) => {
      if (name === unsigned) {
        throw new EspalierError('SIGNATURE_MISSING', { what: `the adapter ${name}`, policy: 'policy.yaml' });
      }
      if (name === refused) throw new EspalierError('ADAPTERS_OFF', { name });
      return Promise.resolve({ digest: fresh });
    },
  });
  control = createAdapterControl({ registry, baseName: 'base', store });
  await rollouts.begin({ control, store });
}

type Asked = Pick<Parameters<typeof serveFinished>[1], 'adapter' | 'rollout'>;
const serve = (asked: Asked = { adapter: null, rollout: null }): Promise<void> =>
  serveFinished({ control, rollouts, sign }, { fineTunedModel: model, path: '/adapter', cause, ...asked });
const sign = async (path: string, name: string): Promise<void> => void signed.push(`${path} for ${name}`);
/** What each name points to. */
const names = (): unknown => Object.fromEntries(registry.list().map(({ name, version }) => [name, version]));

describe('a finished adapter', () => {
  it('is signed for each name before the store sees it', async () => {
    await serve({ adapter: 'support', rollout: null });
    expect(signed).toEqual([`/adapter for ${model}`, '/adapter for support']);
  });

  it('says where it lies, and how it can be served, when the policy takes it from nobody', async () => {
    unsigned = 'support';
    const serving = serve({ adapter: 'support', rollout: null });
    await expect(serving).rejects.toMatchObject({ code: 'JOB_ADAPTER_UNVOUCHED' });
    await expect(serving).rejects.toThrow(
      /lies in \/adapter\. It is not served: Nobody has signed.*--job-signing-key.*for support/,
    );
    expect(names()).toEqual({});
  });

  it('is served under its own name, which the store remembers, with its cause', async () => {
    await serve();
    expect([names(), store.names.get(model)]).toEqual([{ [model]: fresh }, fresh]);
    expect((await control.describe(model)).history[0]).toMatchObject({ actor: cause.actor, reason: cause.reason });
  });

  it.each<[string, 'immediate' | 'progressive', Asked['rollout'], 'moved' | 'rolled out']>([
    ['as the server does, at once', 'immediate', null, 'moved'],
    ['as the server does, by steps', 'progressive', null, 'rolled out'],
    ['at once although the server goes by steps', 'progressive', 'immediate', 'moved'],
    ['by steps although the server does not', 'immediate', 'progressive', 'rolled out'],
  ])('is brought to a further name %s', async (_name, mode, rollout, what) => {
    await rollouts[Symbol.asyncDispose]();
    await open(mode);
    await control.move('support', older, {});
    await serve({ adapter: 'support', rollout });
    expect(names()).toEqual({ [model]: fresh, support: what === 'moved' ? fresh : older });
    const found = rollouts.list().map(({ alias, candidate, phase }) => [alias, candidate, phase.kind]);
    expect(found).toEqual(what === 'moved' ? [] : [['support', fresh, 'running']]);
    await serve({ adapter: 'support', rollout });
    expect(rollouts.list()).toHaveLength(found.length);
  });

  it.each(['immediate', 'progressive', null] as const)(
    'is the first version of a new name, whatever is asked: %s',
    async (rollout) => {
      await serve({ adapter: 'org/new', rollout });
      expect([names(), rollouts.list()]).toEqual([{ [model]: fresh, 'org/new': fresh }, []]);
    },
  );

  it.each([model, 'support'])('is served under no name if %s is refused', async (name) => {
    await control.move('support', older, {});
    refused = name;
    await expect(serve({ adapter: 'support', rollout: null })).rejects.toMatchObject({ code: 'ADAPTERS_OFF' });
    expect(names()).toEqual({ support: older });
  });
});
