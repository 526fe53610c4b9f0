import type { Cause } from '../../core/index.ts';
import type { VersionRecord } from './adapter-version.ts';

/** One move of a name. */
export interface Move extends Cause {
  readonly version: VersionRecord;
  /** Unix time in milliseconds. */
  readonly time: number;
  /** The version to which a roll-back of this move leads; undefined if the name had none. */
  readonly before: string | undefined;
}

/** A move that is about to be recorded. */
export type NewMove = Omit<Move, 'before'>;

/** The moves of a name, the latest first. */
export type AliasHistory = readonly Move[];

/** Moves that are kept for each name. */
export const defaultHistory = 20;

/** Adds a move to another version. A move to the version that the name has already takes the place of the last move. */
export function withMove(history: AliasHistory, move: NewMove, limit: number): AliasHistory {
  const [last, ...earlier] = history;
  if (last?.version.digest === move.version.digest) return [{ ...move, before: last.before }, ...earlier];
  return [{ ...move, before: last?.version.digest }, ...history].slice(0, limit);
}

/**
 * Adds a roll-back to the version of an earlier move. WHY its own `before`: a second roll-back goes further back. It must not return to
 * the version from which the first one led away, which is likely to be bad.
 */
export function withRollback(
  history: AliasHistory,
  { target, ...move }: NewMove & { readonly target: Move },
  limit: number,
): AliasHistory {
  return [{ ...move, before: target.before }, ...history].slice(0, limit);
}

/** Adds moves of an earlier process, the latest first, behind those that are known. */
export function withEarlier(history: AliasHistory, earlier: readonly NewMove[], limit: number): AliasHistory {
  const all: (NewMove & Partial<Move>)[] = [...history];
  const oldest = history.at(-1)?.time ?? Infinity;
  for (const move of earlier) {
    // A store remembers the moves of this process too, and the last one before it is the first of this process.
    if (move.time < oldest && move.version.digest !== all.at(-1)?.version.digest) all.push(move);
  }
  return all.slice(0, limit).map((move, i) => ({ ...move, before: move.before ?? all[i + 1]?.version.digest }));
}

/**
 * The move to whose version a roll-back leads: the latest one to the version `to`, or to the version before the present one.
 * @returns undefined if the history has no such move
 */
export function rollbackTarget(history: AliasHistory, to = history[0]?.before): Move | undefined {
  return to === undefined ? undefined : history.find(({ version }) => version.digest === to);
}
