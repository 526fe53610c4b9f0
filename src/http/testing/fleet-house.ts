import { readFileSync } from 'node:fs';
import { Fleet, type FleetSource } from '../../fleet/index.ts';
import type { FleetState } from '../../fleet/reconcile/fleet-record.ts';
import { digestOf, fingerprint } from '../../fleet/testing/manifests.ts';
import { AdapterRegistry, createAdapterControl, type AdapterControl } from '../../routing/index.ts';
import { FakeArena } from '../../routing/testing/fake-arena.ts';
import { FakeStore, storedVersion } from '../../routing/testing/fake-store.ts';
import type { RolloutControl } from '../../service/index.ts';
import { Rollouts } from '../../service/rollouts/rollouts.ts';
import { createFleetServer } from '../fleet/fleet-server.ts';

/** The end of a process, at a place where it changes what outlives it. */
export class Crash extends Error {}

/** What a process has of a server with a fleet. */
export interface Process {
  readonly fleet: Fleet;
  readonly control: AdapterControl;
  readonly rollouts: RolloutControl;
  readonly registry: AdapterRegistry;
  end(): Promise<void>;
}

/** The disk of a server with a fleet, over as many processes as a test wants: real names and a real control, but no weights. */
export class FleetHouse {
  readonly store: FakeStore;
  readonly quarantined = new Set<string>();
  keys: Set<string> | undefined;
  state: FleetState = { format: 1, attempts: {} };
  /** The number of the change of the disk at which the process ends; -1: none. */
  crashAt = -1;
  changes = 0;
  now = 1_000_000;
  /** Breaks the house: how names move, for tests of the tests. */
  moveTogether: ((control: AdapterControl) => AdapterControl['moveTogether']) | undefined;
  forgetsPending = false;
  #isDead = false;

  constructor() {
    const store = new FakeStore([], {
      staging: '/tmp',
      put: async (_name, path) => {
        const digest = digestOf(readFileSync(path, 'utf8'));
        store.versions.add(digest);
        return { digest };
      },
    });
    const remember = store.remember.bind(store);
    store.remember = async (name, digest) => {
      this.#change();
      return remember(name, digest);
    };
    store.assertFree = async (name, digest) => {
      if (!this.quarantined.has(`${name} ${digest}`)) return;
      const { EspalierError } = await import('../../core/index.ts');
      throw new EspalierError('ADAPTER_QUARANTINED', { name, version: digest, reason: 'it failed', path: 'q' });
    };
    store.isQuarantined = async (name, digest) => this.quarantined.has(`${name} ${digest}`);
    store.clear = async (name, digest) => void this.quarantined.delete(`${name} ${digest}`);
    store.quarantine = async (name, digest) => void this.quarantined.add(`${name} ${digest}`);
    this.store = store;
  }

  /** A change of what outlives the process. */
  #change(): void {
    if (this.#isDead || this.changes++ === this.crashAt) {
      this.#isDead = true;
      throw new Crash('the process has ended');
    }
  }

  get isDead(): boolean {
    return this.#isDead;
  }

  /** Starts a process on the disk: the names are those that the store remembers, before the fleet is restored. */
  async start(source: FleetSource | undefined, adapters?: string): Promise<Process> {
    this.#isDead = false;
    const registry = new AdapterRegistry(new FakeArena());
    for (const [name, digest] of this.store.names) await registry.adopt(name, storedVersion(digest));
    const control = createAdapterControl({ registry, baseName: 'base', store: this.store });
    const moved = this.moveTogether === undefined ? control : { ...control, moveTogether: this.moveTogether(control) };
    const rollouts = new Rollouts({ registry });
    await rollouts.begin({ control, store: this.store });
    const server = createFleetServer({
      baseName: 'base',
      fingerprint,
      control: moved,
      rollouts,
      audit: undefined,
      keyNames: () => this.keys,
    });
    const record = {
      read: async () => this.state,
      write: async (state: FleetState) => {
        this.#change();
        const { pending, ...rest } = structuredClone(state);
        this.state = pending === undefined || this.forgetsPending ? rest : { ...rest, pending };
      },
    };
    const timers = { after: () => () => undefined };
    const end = async (fleet?: Fleet): Promise<void> => {
      await fleet?.[Symbol.asyncDispose]();
      await rollouts[Symbol.asyncDispose]();
      registry.dispose();
    };
    try {
      const fleet = await Fleet.open({ server, source, record, adapters, timers, now: () => this.now });
      return { fleet, control, rollouts, registry, end: () => end(fleet) };
    } catch (error) {
      await end();
      throw error;
    }
  }
}

/** The names of a process with their versions. */
export function namesOf({ registry }: Pick<Process, 'registry'>): Record<string, string | undefined> {
  return Object.fromEntries(registry.list().map(({ name, version }) => [name, version]));
}
