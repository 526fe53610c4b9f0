import type { AdapterEvent } from '../../core/index.ts';

/** Requests of a version that are remembered: enough to see what a step was decided by. */
const perVersion = 16;
/** Versions and roll-outs that are remembered. */
const remembered = 1024;

/** The requests by which the steps of roll-outs were decided: the last ones that each of the two versions answered in the step. */
export class RolloutLinks<Context> {
  /** By version, the longest unused first. */
  readonly #answered = new Map<string, Context[]>();
  /** Roll-outs that have begun, the oldest first. */
  readonly #begun = new Set<string>();

  answered(version: string, request: Context): void {
    const known = this.#answered.get(version) ?? [];
    this.#answered.delete(version);
    this.#answered.set(version, [...known, request].slice(-perVersion));
    dropOldest(this.#answered);
  }

  /** The requests that a step of a roll-out is to be linked to. Those of the step after it begin anew. */
  take({ event, version, previous, details = {} }: AdapterEvent): readonly Context[] {
    if (event === 'retire' && version !== undefined) this.#answered.delete(version);
    if (event !== 'rollout') return [];
    const found = [version, previous].flatMap((one) => this.#takeOf(one));
    const rollout = String(details['rollout']);
    // WHY: what came before its beginning is no evidence.
    if (this.#begun.has(rollout)) return found;
    this.#begun.add(rollout);
    dropOldest(this.#begun);
    return [];
  }

  #takeOf(version: string | undefined): readonly Context[] {
    if (version === undefined) return [];
    const found = this.#answered.get(version) ?? [];
    this.#answered.delete(version);
    return found;
  }
}

function dropOldest(kept: { readonly size: number; keys(): Iterable<string>; delete(key: string): boolean }): void {
  for (const oldest of kept.keys()) {
    if (kept.size <= remembered) return;
    kept.delete(oldest);
  }
}
