import { EspalierError, type Cause } from '../../core/index.ts';
import type { DesiredFleet } from '../manifest/fleet.ts';
import { readFleet } from '../manifest/read-manifest.ts';
import { type Attempts, fleetActor, type LiveFleet, type RolledBack } from '../plan/live-fleet.ts';
import { type FleetPlan, isNothing, planFleet } from '../plan/plan-fleet.ts';
import type { OpenedPath } from '../source/fleet-source.ts';
import { applyPlan } from './apply-plan.ts';
import { bringVersions, neededBy } from './bring-versions.ts';
import type { FleetServer } from './fleet-server.ts';

/** A plan with the states that it was made from. */
export interface PreparedPlan {
  readonly desired: DesiredFleet;
  readonly live: LiveFleet;
  readonly plan: FleetPlan;
}

export interface ApplierOptions {
  readonly server: FleetServer;
  /** The folder for adapters that do not lie in the repository. */
  readonly adapters: string | undefined;
}

export interface Applying {
  readonly cause: Cause;
  readonly attempts: Attempts;
  /** Opens a path of the repository; undefined: there is none. */
  readonly open: ((path: string) => Promise<OpenedPath | undefined>) | undefined;
  /** Called when everything was verified, before anything is changed. */
  readonly onVerified?: (() => Promise<void>) | undefined;
}

/** Compares a manifest with a server, and makes the server as the manifest says, in one transaction. It remembers nothing of them. */
export class FleetApplier {
  readonly #options: ApplierOptions;
  #last: { readonly text: string; readonly desired: DesiredFleet } | undefined;

  constructor(options: ApplierOptions) {
    this.#options = options;
  }

  /**
   * What a manifest would change. Nothing is changed.
   * @throws EspalierError FLEET_INVALID, FLEET_BASE_MISMATCH, FLEET_EMPTY
   */
  async plan(text: string, attempts: Attempts): Promise<PreparedPlan> {
    const desired = this.#desired(text);
    const live = await this.#live(desired);
    return { desired, live, plan: planFleet(desired, live, attempts) };
  }

  /** The names that a server must serve to be ready; none if the manifest cannot be read. */
  required(text: string): readonly string[] {
    try {
      return [...this.#desired(text).aliases.values()].flatMap(({ name, isRequired }) => (isRequired ? [name] : []));
    } catch {
      return [];
    }
  }

  /** WHY the last one is kept: the same manifest is compared every few seconds, and read several times when it is applied. */
  #desired(text: string): DesiredFleet {
    if (this.#last?.text !== text) this.#last = { text, desired: readFleet(text, this.#options.server) };
    return this.#last.desired;
  }

  /**
   * Verifies everything, and then changes what differs.
   * @returns the plan that was carried out
   * @throws EspalierError the errors of `plan`, of bringing the versions, and of the server's own rules. Nothing was changed then.
   */
  async apply(text: string, { cause, attempts, open, onVerified }: Applying): Promise<PreparedPlan> {
    const { server, adapters } = this.#options;
    const first = await this.plan(text, attempts);
    // WHY only of what is new: a key that is taken away later must not keep names from being put back.
    if (onVerified !== undefined) assertKeys(first.desired, server);
    await bringVersions(neededBy(first.desired), first.desired.places, { server, cause, open, adapters });
    // WHY again: bringing a version may have taken minutes.
    const prepared = await this.plan(text, attempts);
    await onVerified?.();
    if (!isNothing(prepared.plan)) await applyPlan(prepared.plan, { server, live: prepared.live, cause });
    return prepared;
  }

  /** The declared versions that the store does not hold. */
  async missing({ desired }: PreparedPlan): Promise<string[]> {
    const missing: string[] = [];
    for (const { digest } of neededBy(desired)) if (!(await this.#options.server.holds(digest))) missing.push(digest);
    return missing;
  }

  /** WHY only names that differ are asked for: looking up a quarantine reads the disk. */
  async #live({ aliases }: DesiredFleet): Promise<LiveFleet> {
    const { server } = this.#options;
    const names = server.names();
    const rolledBack: RolledBack[] = [];
    for (const { name, digest, canary } of aliases.values()) {
      const live = names.get(name);
      const asked = [
        ...(live?.version === digest ? [] : [digest]),
        ...(canary === undefined || live?.rollout?.candidate === canary.digest ? [] : [canary.digest]),
        ...(canary !== undefined && live?.rollout?.phase === 'failed' ? [canary.digest] : []),
      ];
      for (const one of new Set(asked))
        if (await server.isQuarantined(name, one)) rolledBack.push({ name, digest: one });
    }
    return { names, rolledBack };
  }
}

/** What was tried, after a plan was carried out. */
export function attemptsAfter({ plan, desired }: PreparedPlan, attempts: Attempts): Attempts {
  const kept = Object.entries(attempts).filter(([name]) => desired.aliases.has(name));
  const started = plan.rollouts.flatMap((action) =>
    action.kind === 'start'
      ? [[action.name, { digest: action.candidate, ...(action.id !== undefined && { id: action.id }) }] as const]
      : [],
  );
  return Object.fromEntries([...kept, ...started]);
}

/** Who the fleet is in histories and in the audit record. */
export function causeOf(commit: string, source: string): Cause {
  return { actor: fleetActor, reason: `${shortCommit(commit)} of ${source}` };
}

/** A commit as messages show it. */
export function shortCommit(commit: string): string {
  return commit.replace(/^(sha256-)?([\da-f]{12})[\da-f]*$/, '$1$2');
}

function assertKeys({ keys }: DesiredFleet, server: FleetServer): void {
  if (keys.length === 0) return;
  const there = server.keyNames() ?? new Set<string>();
  const missing = keys.filter((name) => !there.has(name));
  if (missing.length > 0) throw new EspalierError('FLEET_KEY_MISSING', { missing: missing.join(', ') });
}
