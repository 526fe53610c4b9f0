import type { AdapterArena, AdapterFacts, AdapterVersion, WeightsHold } from '../../routing/index.ts';
import { EspalierError, Pace } from '../../core/index.ts';
import type { Adapter } from '../../lora/index.ts';
import { AdapterClaim, type ClaimKeeper } from './adapter-claim.ts';
import type { AdapterStack } from './adapter-stack.ts';
import {
  admit,
  beginMove,
  busyEnd,
  createArenaState,
  endMove,
  isBusy,
  leave,
  planMove,
  usedRows,
  type ArenaState,
  type Move,
  type Tenant,
} from './arena-plan.ts';
import { checkAdapter, type ServedModules } from './check-adapter.ts';
import { prepareAdapter } from './prepare-adapter.ts';
import type { PreparedAdapter } from './prepared-adapter.ts';
import { wholeBlocks } from './rank-rows.ts';
import { noAdapters, type RequestedAdapter, type SequenceAdapters } from './sequence-adapters.ts';

export interface ArenaOptions extends ServedModules {
  /** The arena takes ownership of it. */
  readonly stack: AdapterStack;
  /** An unused adapter below this row stays in its rows. Unused rows above it are freed. */
  readonly keptRows: number;
}

interface RowMove {
  readonly plan: Move;
  copied: Promise<void>;
  isCopied: boolean;
}

/** What the arena holds, in rank rows and versions. */
export interface ArenaReport {
  readonly rows: number;
  /** Rows that sequences use. */
  readonly used: number;
  /** The last row that a step may bind. */
  readonly span: number;
  /** Versions that have rows. */
  readonly present: number;
  /** Versions that have got rows since the engine was opened. */
  readonly activations: number;
}

/** A sequence that waits for rows, with its adapters' weights. */
interface Waiting {
  readonly claim: AdapterClaim;
  readonly holds: readonly WeightsHold<PreparedAdapter>[];
  /** Called when the sequence has its rows, or no longer needs them. */
  readonly done: () => void;
}

/**
 * The active adapters of an engine. The adapters of running sequences are kept dense in the first rows of the stacked arrays, so that
 * the cost of a step depends on its batch and not on the number of registered adapters. An adapter is copied from host memory, in
 * slices, while its sequence waits. It stays for later sequences until its rows are needed. If there is no room, sequences wait in
 * order.
 *
 * `arena-plan.ts` decides which rows an adapter gets. This class copies the weights.
 */
export class EngineArena implements AdapterArena<PreparedAdapter>, ClaimKeeper {
  readonly stack: AdapterStack;
  readonly #served: ServedModules;
  readonly #keptRows: number;
  readonly #state: ArenaState;
  readonly #claims = new Set<AdapterClaim>();
  readonly #line: Waiting[] = [];
  /** The copies in progress, by digest. */
  readonly #filling = new Map<string, Promise<void>>();
  #move: RowMove | undefined;
  #isClosing = false;
  #activations = 0;

  constructor({ stack, keptRows, ...served }: ArenaOptions) {
    this.stack = stack;
    this.#served = served;
    this.#keptRows = keptRows;
    this.#state = createArenaState(stack.rows, stack.unit);
  }

  check(name: string, adapter: Adapter): AdapterFacts {
    const facts = checkAdapter(name, adapter, {
      ...this.#served,
      bytePaths: this.stack.bytePaths,
      unit: this.stack.unit,
    });
    this.#assertFits(name, wholeBlocks(facts.rank, this.stack.unit));
    return facts;
  }

  async prepare(name: string, adapter: Adapter): Promise<PreparedAdapter> {
    const gains = await this.#served.gains?.read(adapter);
    return prepareAdapter(name, adapter, { gains, bytePaths: this.stack.bytePaths, unit: this.stack.unit });
  }

  forget(digest: string): void {
    const tenant = this.#state.tenants.get(digest);
    if (tenant === undefined) return;
    tenant.isForgotten = true;
    this.#giveBack(tenant);
  }

  /**
   * Claims adapters for a sequence. The claim has a share of each lease until it is released.
   * @throws EspalierError ADAPTER_CAPACITY if their ranks together exceed the number of rows
   */
  claim(requested: readonly RequestedAdapter[]): SequenceAdapters {
    if (requested.length === 0) return noAdapters;
    const ranks = new Map(
      requested.map(({ lease: { version } }) => [version.digest, wholeBlocks(version.rank, this.stack.unit)]),
    );
    const needed = [...ranks.values()].reduce((sum, rank) => sum + rank, 0);
    this.#assertFits(requested.map(({ lease }) => lease.alias).join(', '), needed);
    return new AdapterClaim(requested, this);
  }

  #assertFits(name: string, needed: number): void {
    const total = this.#state.total - this.#state.unit;
    if (needed > total) throw new EspalierError('ADAPTER_CAPACITY', { name, needed, total });
  }

  async activate(claim: AdapterClaim): Promise<void> {
    if (claim.isReleased || this.#isClosing) return;
    const isHere = versionsOf(claim).every(({ digest }) => {
      const tenant = this.#state.tenants.get(digest);
      return tenant !== undefined && (tenant.users > 0 || this.#line.length === 0);
    });
    if (!isHere) return this.#bringIn(claim);
    this.#admit(claim, []);
    await this.#placeWhenFilled(claim);
  }

  async #bringIn(claim: AdapterClaim): Promise<void> {
    const holds: WeightsHold<PreparedAdapter>[] = [];
    try {
      for (const lease of claim.leases.values()) holds.push(await lease.hold());
      await new Promise<void>((done) => {
        this.#line.push({ claim, holds, done });
        this.#serveLine();
      });
      await this.#placeWhenFilled(claim);
    } finally {
      for (const hold of holds) hold.dispose();
    }
  }

  /** Serves sequences in the order of arrival. None passes a sequence that needs more rows than are free. */
  #serveLine(): void {
    for (let first = this.#line[0]; first !== undefined; first = this.#line[0]) {
      const { claim, holds, done } = first;
      if (!claim.isReleased && !this.#isClosing && !this.#admit(claim, holds)) return;
      this.#line.shift();
      done();
    }
  }

  /** WHY synchronous: from here on the rows belong to the claim, and must not be taken as filled before they are. */
  #admit(claim: AdapterClaim, holds: readonly WeightsHold<PreparedAdapter>[]): boolean {
    const versions = versionsOf(claim);
    const begun = admit(this.#state, versions);
    if (begun === undefined) return false;
    claim.tenants = versions.flatMap(({ digest }) => this.#state.tenants.get(digest) ?? []);
    this.#claims.add(claim);
    this.#activations += begun.length;
    for (const tenant of begun) {
      const weights = holds[versions.findIndex(({ digest }) => digest === tenant.digest)]?.weights;
      if (weights === undefined) throw new RangeError(`The weights of ${tenant.digest} are not held`);
      this.#filling.set(tenant.digest, this.#fill(tenant, weights));
    }
    return true;
  }

  /** Activates a claim as soon as all of its adapters have been copied, also by other claims. */
  async #placeWhenFilled(claim: AdapterClaim): Promise<void> {
    for (const digest of claim.leases.keys()) {
      const filling = this.#filling.get(digest);
      if (filling) await filling;
    }
    if (!claim.isReleased && claim.tenants.length > 0) claim.place();
  }

  async #fill(tenant: Tenant, weights: PreparedAdapter): Promise<void> {
    try {
      await this.stack.write(tenant.rows, weights, new Pace());
    } finally {
      tenant.isFilled = true;
      this.#filling.delete(tenant.digest);
      if (tenant.users === 0) this.#giveBack(tenant);
      this.#serveLine();
    }
  }

  release(claim: AdapterClaim): void {
    this.#claims.delete(claim);
    for (const tenant of claim.tenants) {
      leave(this.#state, tenant);
      this.#giveBack(tenant);
    }
    claim.tenants = [];
    this.#serveLine();
    this.#beginMove();
  }

  /** Evicts a tenant that nothing uses and that is not worth keeping. */
  #giveBack(tenant: Tenant): void {
    if (isBusy(tenant) || (!tenant.isForgotten && tenant.rows.end <= this.#state.unit + this.#keptRows)) return;
    if (this.#state.tenants.get(tenant.digest) !== tenant) return;
    this.#state.tenants.delete(tenant.digest);
    if (!this.#isClosing) this.stack.discard(tenant.rows);
  }

  /** Begins to copy a tenant to lower rows if the busy rows have spread. Runs read its old rows until `settle`. */
  #beginMove(): void {
    if (this.#move !== undefined || this.#isClosing) return;
    const plan = planMove(this.#state);
    if (plan === undefined) return;
    beginMove(this.#state, plan);
    const move: RowMove = { plan, copied: Promise.resolve(), isCopied: false };
    this.#move = move;
    move.copied = this.stack.copy(plan.tenant.rows, plan.to, new Pace()).then(() => {
      move.isCopied = true;
    });
  }

  /** Ends a finished move, so that runs read the new rows. The engine's loop must call this between two runs. */
  settle(): void {
    if (this.#move?.isCopied !== true) return;
    const { tenant, to } = this.#move.plan;
    const from = tenant.rows;
    this.#move = undefined;
    if (endMove(this.#state, { tenant, to })) {
      for (const claim of this.#claims) if (claim.isActive && claim.tenants.includes(tenant)) claim.place();
      if (from.end > this.#state.unit + this.#keptRows) this.stack.discard(from);
    }
    this.#serveLine();
    this.#beginMove();
  }

  report(): ArenaReport {
    const { total, unit, tenants } = this.#state;
    return {
      rows: total - unit,
      used: usedRows(this.#state),
      span: busyEnd(this.#state) - unit,
      present: tenants.size,
      activations: this.#activations,
    };
  }

  /** Whether a version's weights are in its rows. */
  isFilled(digest: string): boolean {
    return this.#state.tenants.get(digest)?.isFilled === true;
  }

  /** Waits for the copies in progress and frees the memory. Must be called after the last run. */
  async dispose(): Promise<void> {
    this.#isClosing = true;
    this.#serveLine();
    await Promise.all([...this.#filling.values(), this.#move?.copied]);
    this.stack.dispose();
  }
}

function versionsOf({ leases }: AdapterClaim): AdapterVersion[] {
  return Array.from(leases.values(), ({ version }) => version);
}
