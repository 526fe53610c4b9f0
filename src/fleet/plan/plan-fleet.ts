import { EspalierError } from '../../core/index.ts';
import type { DeclaredAlias, DesiredFleet, PinKind } from '../manifest/fleet.ts';
import { canaryOf, planRollout, type RolloutAction, type Tried } from './plan-rollout.ts';
import type { PlannedMove, RowKind } from './planned.ts';
import { type Attempts, fleetActor, type LiveFleet, type LiveName } from './live-fleet.ts';

/** One name: what Git says beside what lives. */
export interface FleetRow {
  readonly name: string;
  readonly kind: RowKind;
  readonly declared: DeclaredAlias | undefined;
  readonly live: LiveName | undefined;
  /** What differs, in words. */
  readonly note: string | undefined;
}

/** What has to be done, in the order in which it is done. */
export interface FleetPlan {
  readonly rows: readonly FleetRow[];
  /** Pins of the fleet's own that are lifted, so that the name can move or because they are not declared. */
  readonly unpins: readonly string[];
  /** Made in one step. */
  readonly moves: readonly PlannedMove[];
  readonly pins: readonly { readonly name: string; readonly keepsWeights: boolean }[];
  readonly fallbacks: readonly { readonly name: string; readonly fallback: DeclaredAlias['fallback'] }[];
  readonly rollouts: readonly RolloutAction[];
}

/**
 * Compares what is declared with what lives. Pure: the same arguments give the same plan, and a live state that is as declared gives none.
 * @param attempts  what was tried before, so that what was rolled back is tried again only for another id
 * @throws EspalierError FLEET_EMPTY
 */
export function planFleet(desired: DesiredFleet, live: LiveFleet, attempts: Attempts = {}): FleetPlan {
  if (desired.aliases.size === 0 && !desired.allowEmpty) {
    throw new EspalierError('FLEET_EMPTY', { count: live.names.size });
  }
  const names = [...new Set([...desired.aliases.keys(), ...live.names.keys()])].toSorted();
  const isBack = new Set(live.rolledBack.map(({ name, digest }) => `${name} ${digest}`));
  const parts = names.map((name) => {
    const [declared, now] = [desired.aliases.get(name), live.names.get(name)];
    if (declared === undefined) return planExtra(name, now, desired.prune);
    return planAlias(declared, now, {
      isRolledBack: isBack.has(`${name} ${declared.digest}`),
      isCanaryBack: declared.canary !== undefined && isBack.has(`${name} ${declared.canary.digest}`),
      attempt: attempts[name],
    });
  });
  return {
    rows: parts.map(({ row }) => row),
    unpins: parts.flatMap(({ unpin }) => (unpin === undefined ? [] : [unpin])),
    moves: parts.flatMap(({ move }) => (move === undefined ? [] : [move])),
    pins: parts.flatMap(({ pin }) => (pin === undefined ? [] : [pin])),
    fallbacks: parts.flatMap(({ fallback }) => (fallback === undefined ? [] : [fallback])),
    rollouts: parts.flatMap(({ rollouts = [] }) => rollouts),
  };
}

/** Whether a plan changes nothing. */
export function isNothing({ unpins, moves, pins, fallbacks, rollouts }: FleetPlan): boolean {
  return [unpins, moves, pins, fallbacks, rollouts].every((list) => list.length === 0);
}

interface Part {
  readonly row: FleetRow;
  readonly unpin?: string | undefined;
  readonly move?: PlannedMove | undefined;
  readonly pin?: FleetPlan['pins'][number] | undefined;
  readonly fallback?: FleetPlan['fallbacks'][number] | undefined;
  readonly rollouts?: readonly RolloutAction[];
}

function planExtra(name: string, live: LiveName | undefined, prune: boolean): Part {
  const row = { name, declared: undefined, live };
  if (!prune)
    return { row: { ...row, kind: 'unmanaged', note: 'it is not declared, and stays because of prune: false' } };
  // WHY left: it answers nobody, and what lies there in the store may be somebody's.
  if (live?.version === undefined) return { row: { ...row, kind: 'unmanaged', note: 'it cannot be served' } };
  const unpin = live.pin?.by === fleetActor ? name : undefined;
  const move = { name, from: live.version, to: undefined };
  return { row: { ...row, kind: 'extra', note: 'it is not declared' }, unpin, move };
}

function planAlias(declared: DeclaredAlias, live: LiveName | undefined, history: Tried): Part {
  const { name, digest } = declared;
  const base = { name, declared, live };
  if (live?.version === undefined) {
    const note = live === undefined ? 'it is not there' : 'it cannot be served';
    const isGone = history.isRolledBack;
    const row: FleetRow = { ...base, kind: isGone ? 'rolled_back' : 'missing', note };
    // WHY nothing: a version in quarantine is not put into service by itself.
    if (isGone) return { row };
    const move = { name, from: undefined, to: digest };
    return { row, ...settingsOf(declared, live, true), move, rollouts: canaryOf(declared, history) };
  }
  const step = planRollout(declared, live, history);
  // WHY no pin while a roll-out goes on: a pinned name could not become the candidate's. It is pinned when that is over.
  const isRolling = step.kind === 'progressing' || step.actions.some(({ kind: what }) => what === 'start');
  const wanted = isRolling ? { ...declared, pin: 'none' as const } : declared;
  const settings = settingsOf(wanted, live, step.move !== undefined);
  const kind = step.kind ?? (settings.note === undefined ? 'in_sync' : 'settings');
  const row: FleetRow = { ...base, kind, note: step.note ?? settings.note };
  return { row, ...settings, move: step.move, rollouts: step.actions };
}

/** Pins and fall-backs. A pin of somebody else is left: it holds the name, whatever is declared. */
function settingsOf(
  { name, pin, fallback }: DeclaredAlias,
  live: LiveName | undefined,
  moves: boolean,
): Pick<Part, 'unpin' | 'pin' | 'fallback'> & { readonly note?: string | undefined } {
  const has = pinOf(live);
  const isOurs = live?.pin?.by === fleetActor;
  const isForeign = live?.pin !== undefined && !isOurs;
  const pinDiffers = !isForeign && has !== pin;
  const fallbackDiffers = live?.fallback !== fallback;
  const note = pinDiffers
    ? `pinned: ${pin} is declared, and it is ${has}`
    : fallbackDiffers
      ? `fallback: ${fallback ?? 'that of the server'} is declared, and it is ${live?.fallback ?? 'that of the server'}`
      : undefined;
  return {
    ...(isOurs && (moves || pinDiffers) && { unpin: name }),
    ...(pin !== 'none' && !isForeign && (moves || pinDiffers) && { pin: { name, keepsWeights: pin === 'weights' } }),
    ...(fallbackDiffers && { fallback: { name, fallback } }),
    note,
  };
}

function pinOf(live: LiveName | undefined): PinKind {
  if (live?.pin === undefined) return 'none';
  return live.pin.keepsWeights ? 'weights' : 'name';
}
