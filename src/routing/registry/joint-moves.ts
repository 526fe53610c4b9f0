import type { Turns } from '../../core/index.ts';
import type { HostWeights } from './adapter-arena.ts';
import type { Served, VersionRecord } from './adapter-version.ts';
import type { AliasTable } from './alias-table.ts';
import type { ChangeOptions } from './change-options.ts';
import { type AdoptedVersion, assertUsable } from './known-version.ts';
import type { NameMoves } from './name-moves.ts';
import type { VersionTable } from './version-table.ts';

/** What becomes of one name in a joint move. */
export interface JointMove {
  readonly name: string;
  /** The version to which the name points when the move begins; undefined: the name is not there, or serves nothing. */
  readonly from: string | undefined;
  /** undefined: the name is removed. */
  readonly to: AdoptedVersion | undefined;
}

export interface JointTables<Weights extends HostWeights> {
  readonly aliases: AliasTable;
  readonly table: VersionTable<Weights>;
  readonly turns: Turns;
  readonly names: NameMoves<Weights>;
}

/** Changes of several names that are made in one step: no request sees some of them without the others. */
export class JointMoves<Weights extends HostWeights = HostWeights> {
  readonly #tables: JointTables<Weights>;

  constructor(tables: JointTables<Weights>) {
    this.#tables = tables;
  }

  /**
   * Points names to versions that were verified before, and removes names, all at once.
   * @throws EspalierError ADAPTER_VERSION_CONFLICT, ADAPTER_PINNED, ADAPTER_FACTS_INVALID, and the errors of opening a tokenizer. Nothing
   *   was changed then.
   */
  move(moves: readonly JointMove[], options: ChangeOptions = {}): Promise<void> {
    // WHY in this order: two joint moves that wait for each other's names would never end.
    const names = moves.map(({ name }) => name).toSorted();
    if (new Set(names).size < names.length) throw new TypeError('a joint move names each name once');
    return this.#inTurnsOf(names, () => this.#move(moves, options));
  }

  #inTurnsOf(names: readonly string[], task: () => Promise<void>): Promise<void> {
    const [first, ...rest] = names;
    if (first === undefined) return task();
    return this.#tables.turns.take(first, () => this.#inTurnsOf(rest, task));
  }

  async #move(moves: readonly JointMove[], { cause }: ChangeOptions): Promise<void> {
    const { aliases, table, names } = this.#tables;
    const began = names.now();
    for (const { name, from, to } of moves) {
      const isServed = aliases.serving(name) !== undefined;
      aliases.assertMovable(name, from === undefined ? { isNew: isServed } : { expectedVersion: from });
      if (to !== undefined) assertUsable(name, to);
    }
    const ready: { readonly move: JointMove; readonly served: Served<VersionRecord> | undefined }[] = [];
    try {
      for (const move of moves) ready.push({ move, served: move.to && (await table.know(move.to)) });
    } catch (error) {
      for (const { served } of ready) if (served !== undefined) table.drop(served.version);
      throw error;
    }
    // WHY without a pause: what is changed between two turns of the event loop is one change for every request.
    for (const { move, served } of ready) {
      const { name, to } = move;
      if (served !== undefined) names.point(served, { name, source: to?.source, began, cause });
      else if (aliases.has(name)) names.remove(name, cause);
    }
  }
}
