import { Pace } from '../../core/index.ts';
import type { AdapterStack } from './adapter-stack.ts';
import type { Tenant } from './arena-plan.ts';
import type { PreparedAdapter } from './prepared-adapter.ts';

/** Bytes whose pages are returned between two checks of the clock, which takes a fraction of a millisecond. */
const sliceBytes = 2 ** 22;

/**
 * The adapters whose rows in the arena are their only copy. The pages of their host memory are returned to the system, and the
 * rows are copied back before they are given to another adapter or discarded.
 *
 * WHY nothing is allocated on the way back: the host memory keeps its range of addresses, so an adapter cannot be lost to an allocation
 * that fails. WHY it is not read again from its files: they may hold another version by now.
 */
export class SoleCopies {
  readonly #stack: AdapterStack;
  readonly #copies = new Map<Tenant, PreparedAdapter>();
  /** Those that are in host memory as well. */
  readonly #twice = new WeakMap<Tenant, PreparedAdapter>();
  /** Host memory whose pages are being returned. */
  readonly #leaving = new Map<Tenant, Promise<void>>();
  /** The ways back that have begun, by tenant. */
  readonly #returning = new Map<Tenant, Promise<void>>();

  constructor(stack: AdapterStack) {
    this.#stack = stack;
  }

  /** Says that the tenant's rows have been written from these weights. */
  written(tenant: Tenant, weights: PreparedAdapter): void {
    this.#twice.set(tenant, weights);
  }

  /** Makes the rows the only copy, if they are one of two. */
  giveUp(tenant: Tenant): Promise<void> {
    const weights = this.#twice.get(tenant);
    this.#twice.delete(tenant);
    if (weights === undefined || weights.isDisposed) return Promise.resolve();
    this.#copies.set(tenant, weights);
    weights.rows = (path, part) => this.#stack.placeOf(tenant.rows, path, part);
    const leaving = discardInSlices(weights).finally(() => this.#leaving.delete(tenant));
    this.#leaving.set(tenant, leaving);
    return leaving;
  }

  /**
   * Copies a tenant's weights back into their host memory, in slices. Until it has resolved, the rows must not be written. Another call
   * meanwhile joins the first.
   * @returns undefined if the rows are not the only copy, or nobody needs it any more
   */
  bringBack(tenant: Tenant): Promise<void> | undefined {
    const begun = this.#returning.get(tenant);
    if (begun) return begun;
    const weights = this.#copies.get(tenant);
    if (weights === undefined) return undefined;
    if (weights.isDisposed) {
      this.#copies.delete(tenant);
      return undefined;
    }
    const returning = this.#copyBack(tenant, weights).finally(() => this.#returning.delete(tenant));
    this.#returning.set(tenant, returning);
    return returning;
  }

  /** Waits until the weights of a version that is on its way back are in host memory. */
  returned(digest: string): Promise<void> | undefined {
    for (const [tenant, returning] of this.#returning) if (tenant.digest === digest) return returning;
    return undefined;
  }

  async #copyBack(tenant: Tenant, weights: PreparedAdapter): Promise<void> {
    await this.#leaving.get(tenant);
    // WHY again: a tenant that is used again meanwhile may be moved, and its old rows are then no longer its own.
    for (let from: Tenant['rows'] | undefined; from !== tenant.rows;) {
      from = tenant.rows;
      await this.#stack.read(from, weights, new Pace());
    }
    weights.rows = undefined;
    this.#copies.delete(tenant);
    this.#twice.set(tenant, weights);
  }

  /** Waits for what has begun. What is still in rows is then lost with them. */
  async dispose(): Promise<void> {
    await Promise.all([...this.#returning.values(), ...this.#leaving.values()]);
    for (const weights of this.#copies.values()) weights.rows = () => undefined;
    this.#copies.clear();
  }
}

async function discardInSlices(weights: PreparedAdapter): Promise<void> {
  const { memory } = weights;
  const pace = new Pace();
  for (let start = 0; start < memory.byteLength && !weights.isDisposed; start += sliceBytes) {
    memory.discard(start, Math.min(sliceBytes, memory.byteLength - start));
    const turn = pace.step();
    if (turn) await turn;
  }
}
