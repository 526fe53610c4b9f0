import type { RolloutOptions } from '../../routing/index.ts';
import type { DeclaredAlias } from '../manifest/fleet.ts';
import type { Attempts, LiveName } from './live-fleet.ts';
import type { PlannedMove, RowKind } from './planned.ts';

/** Something that is done to the roll-out of a name. */
export type RolloutAction =
  | { readonly kind: 'abort'; readonly name: string }
  | {
      readonly kind: 'start';
      readonly name: string;
      readonly candidate: string;
      /** undefined: as the server does it. */
      readonly options: RolloutOptions | undefined;
      /** Whether the candidate was rolled back before, and is to be tried again. */
      readonly isAgain: boolean;
      readonly id: string | undefined;
    };

export interface RolloutStep {
  readonly kind?: RowKind;
  readonly note?: string;
  readonly move?: PlannedMove;
  readonly actions: readonly RolloutAction[];
}

export interface Tried {
  readonly isRolledBack: boolean;
  readonly isCanaryBack: boolean;
  readonly attempt: Attempts[string] | undefined;
}

const year = 365 * 86_400_000;

/** The roll-out that gives a second version a fixed share: its first step lasts until somebody ends it. */
export function canaryOptions(share: number): RolloutOptions {
  return { steps: [{ share, minimumMs: year, maximumMs: year }, { share: 1 }] };
}

/** What has to become of a served name: which version it has, and which roll-out goes on. */
export function planRollout(declared: DeclaredAlias, live: LiveName, tried: Tried): RolloutStep {
  const { name, digest, canary, rolloutId: id } = declared;
  const running = isActive(live.rollout) ? live.rollout : undefined;
  const isOther = tried.attempt !== undefined && tried.attempt.id !== id;
  const end: readonly RolloutAction[] = running === undefined ? [] : [{ kind: 'abort', name }];
  if (live.version === digest) {
    if (canary !== undefined) return planCanary(declared, live, tried);
    if (running === undefined) return { actions: [] };
    const note = `a roll-out of ${short(running.candidate)} goes on that is not declared`;
    return { kind: 'different', note, actions: end };
  }
  const isOn = running?.candidate === digest && running.heldAt === undefined;
  if (isOn && declared.isProgressive) {
    return {
      kind: 'progressing',
      note: `${short(digest)} is ${running.phase} at ${percent(running.share)}`,
      actions: [],
    };
  }
  if (tried.isRolledBack && !(isOther && declared.isProgressive)) {
    const why = live.rollout?.candidate === digest ? live.rollout.reason : undefined;
    return { kind: 'rolled_back', note: why ?? `${short(digest)} was rolled back`, actions: end };
  }
  const note = `${short(digest)} is declared`;
  if (!declared.isProgressive) {
    const move = { name, from: live.version, to: digest };
    return { kind: 'different', note, move, actions: [...end, ...canaryOf(declared, tried)] };
  }
  const options = declared.steps && { steps: declared.steps };
  const start = { kind: 'start', name, candidate: digest, options, isAgain: tried.isRolledBack, id } as const;
  return { kind: 'different', note, actions: [...end, start] };
}

/** The canary of a name that has just been pointed to its declared version. */
export function canaryOf(declared: DeclaredAlias, tried: Tried): readonly RolloutAction[] {
  const { name, digest: version } = declared;
  const fresh = { name, version, pin: undefined, fallback: undefined, rollout: undefined, changed: undefined };
  return planCanary(declared, fresh, tried).actions;
}

/** How the fixed share of a second version is given back that was ended; undefined if it was none. */
export function canaryBefore(
  rollout: LiveName['rollout'],
): { readonly candidate: string; readonly options: RolloutOptions } | undefined {
  if (rollout?.heldAt === undefined || !isActive(rollout)) return undefined;
  return { candidate: rollout.candidate, options: canaryOptions(rollout.heldAt) };
}

function planCanary({ name, canary, rolloutId: id }: DeclaredAlias, live: LiveName, tried: Tried): RolloutStep {
  if (canary === undefined) return { actions: [] };
  const running = isActive(live.rollout) ? live.rollout : undefined;
  if (running?.candidate === canary.digest && running.heldAt === canary.share) return { actions: [] };
  const isOther = tried.attempt !== undefined && tried.attempt.id !== id;
  const end: readonly RolloutAction[] = running === undefined ? [] : [{ kind: 'abort', name }];
  if (tried.isCanaryBack && !isOther) {
    return { kind: 'rolled_back', note: `the canary ${short(canary.digest)} was rolled back`, actions: end };
  }
  const note = `the canary ${short(canary.digest)} is declared with ${percent(canary.share)}`;
  const [candidate, options] = [canary.digest, canaryOptions(canary.share)];
  const start = { kind: 'start', name, candidate, options, isAgain: tried.isCanaryBack, id } as const;
  return { kind: 'different', note, actions: [...end, start] };
}

function isActive(rollout: LiveName['rollout']): boolean {
  return rollout?.phase === 'running' || rollout?.phase === 'paused';
}

function short(digest: string): string {
  return digest.slice(0, 12);
}

function percent(share: number): string {
  return `${Math.round(share * 1000) / 10} %`;
}
