import { type Cause, type Clock, publishAdapterEvent, serverItself } from '../../core/index.ts';
import type { HostWeights } from './adapter-arena.ts';
import type { AdapterSource } from './adapter-source.ts';
import type { Served, VersionRecord } from './adapter-version.ts';
import { type Move, withMove, withRollback } from './alias-history.ts';
import type { AliasTable } from './alias-table.ts';
import type { ChangeOptions } from './change-options.ts';
import type { HeldVersions } from './held-versions.ts';
import { sourceIn } from './source-in.ts';
import { unixSeconds, type VersionTable } from './version-table.ts';

/** A move of one name. */
export interface Moving extends ChangeOptions {
  readonly name: string;
  /** The clock's time at which the move began. */
  readonly began: number;
  /** Default: the first source of the version. */
  readonly source?: AdapterSource | undefined;
  /** The earlier move to which a roll-back leads. */
  readonly target?: Move | undefined;
}

/** What the moves change. */
export interface MovedTables<Weights extends HostWeights> {
  readonly aliases: AliasTable;
  readonly table: VersionTable<Weights>;
  readonly held: Pick<HeldVersions<Weights>, 'endFallback'>;
  readonly historyLimit: number;
  readonly clock: Clock;
}

/** The moves of names themselves: synchronous, and after every check. They must be made in the turn of their name. */
export class NameMoves<Weights extends HostWeights> {
  readonly #tables: MovedTables<Weights>;

  constructor(tables: MovedTables<Weights>) {
    this.#tables = tables;
  }

  now(): number {
    return this.#tables.clock.now();
  }

  /** Points the name to a version that is held for it. */
  point(served: Served<VersionRecord>, { name, target, source, began, cause }: Moving): void {
    const { aliases, table, held, historyLimit, clock } = this.#tables;
    const { version, tokenizer } = served;
    const previous = aliases.serving(name);
    const move = { ...serverItself, ...cause, version, time: Date.now() };
    const history = aliases.get(name)?.history ?? [];
    aliases.set(name, {
      source: source ?? sourceIn(version),
      created: unixSeconds(),
      state: { kind: 'serving', ...served },
      history:
        target === undefined
          ? withMove(history, move, historyLimit)
          : withRollback(history, { ...move, target }, historyLimit),
    });
    const event = previous === undefined ? 'load' : target === undefined ? 'replace' : 'rollback';
    const before = previous === undefined ? {} : { previous: previous.digest };
    const told = { ...cause, name, version: version.digest };
    publishAdapterEvent({ event, ...told, ...before, durationMs: clock.now() - began });
    if (tokenizer !== undefined) publishAdapterEvent({ event: 'template', ...told });
    if (previous !== undefined) table.drop(previous);
    held.endFallback(name);
  }

  /** Removes a name with its history. */
  remove(name: string, cause: Cause | undefined): void {
    const { aliases, table, held } = this.#tables;
    const version = aliases.serving(name);
    aliases.delete(name);
    if (version !== undefined) {
      publishAdapterEvent({ event: 'unload', ...cause, name, version: version.digest });
      table.drop(version);
    }
    held.endFallback(name);
  }
}
