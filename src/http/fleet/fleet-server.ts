import { type AdapterEventKind, EspalierError } from '../../core/index.ts';
import type { FleetServer, LastChange, LiveName, LiveRollout } from '../../fleet/index.ts';
import type { AdapterControl, AdapterInfo, RolloutState } from '../../routing/index.ts';
import type { AuditReader, RolloutControl } from '../../service/index.ts';

export interface FleetServerParts {
  readonly baseName: string;
  readonly fingerprint: string;
  readonly control: AdapterControl;
  readonly rollouts: RolloutControl;
  readonly audit: AuditReader | undefined;
  /** The names of the keys of callers; undefined: there is no file of keys. */
  readonly keyNames: () => ReadonlySet<string> | undefined;
}

/** Events by which a name leaves. */
const removals: ReadonlySet<string> = new Set<AdapterEventKind>(['unload']);

/** A server as its fleet operates it: through the control of adapters and of roll-outs, as everybody else does. */
export function createFleetServer({
  baseName,
  fingerprint,
  control,
  rollouts,
  audit,
  keyNames,
}: FleetServerParts): FleetServer {
  return {
    baseName,
    fingerprint,
    keyNames,
    names() {
      const states = new Map(rollouts.list().map((state) => [state.alias, state]));
      return new Map(control.list().map((info) => [info.name, liveName(info, rollouts, states.get(info.name))]));
    },
    isQuarantined: (name, digest) => control.isQuarantined(name, digest),
    holds: (digest) => control.holds(digest),
    get staging() {
      return control.staging();
    },
    keep: (name, path, cause) => control.keep(name, path, { cause }),
    moveTogether: (changes, cause) => control.moveTogether(changes, { cause }),
    async pin(name, keepsWeights, cause) {
      await control.pin(name, { keepsWeights, cause });
    },
    async unpin(name, cause) {
      await control.unpin(name, { cause });
    },
    async declareFallback(name, fallback, cause) {
      await rollouts.declareFallback(name, fallback, { cause });
    },
    async startRollout(name, candidate, { rollout, isAgain, cause }) {
      if (isAgain) await clear(name, candidate, { control, rollouts });
      await rollouts.start(name, candidate, { rollout, cause });
    },
    async abortRollout(name, cause) {
      if (isActive(statusOf(rollouts, name))) await rollouts.command(name, 'abort', { cause });
    },
    async lastRemoval(name) {
      const page = await audit?.page({ limit: 1, matches: (it) => it.name === name && removals.has(it.event) });
      const found = page?.records[0];
      return found && { by: found.actor, reason: found.reason, time: Date.parse(found.time) };
    },
  };
}

async function clear(
  name: string,
  candidate: string,
  { control, rollouts }: Pick<FleetServerParts, 'control' | 'rollouts'>,
): Promise<void> {
  const state = statusOf(rollouts, name);
  if (state?.candidate === candidate && !isActive(state)) await rollouts.clear(name, {});
  await control.clearQuarantine(name, candidate);
}

function statusOf(rollouts: RolloutControl, name: string): RolloutState | undefined {
  try {
    return rollouts.status(name);
  } catch (error) {
    if (EspalierError.isInstance(error) && error.code === 'ROLLOUT_NOT_FOUND') return undefined;
    throw error;
  }
}

function isActive(state: RolloutState | undefined): boolean {
  return state?.phase.kind === 'running' || state?.phase.kind === 'paused';
}

function liveName(info: AdapterInfo, rollouts: RolloutControl, state: RolloutState | undefined): LiveName {
  const { name, version, pin } = info;
  const { fallback, isDeclared } = rollouts.fallbackOf(name);
  return {
    name,
    version,
    pin: pin && { by: pin.actor, keepsWeights: pin.keepsWeights },
    fallback: isDeclared ? fallback : undefined,
    rollout: state && liveRollout(state),
    get changed() {
      return lastChange(info);
    },
  };
}

function lastChange({ history: [latest] }: AdapterInfo): LastChange | undefined {
  return latest && { by: latest.actor, reason: latest.reason, time: latest.time };
}

function liveRollout({ candidate, phase, settings: { steps }, step }: RolloutState): LiveRollout {
  const [first] = steps;
  // A year: the form that the fleet gives a share which lasts until Git changes.
  const isHeld = steps.length === 2 && first !== undefined && first.minimumMs >= 365 * 86_400_000;
  return {
    candidate,
    phase: phase.kind,
    reason: phase.kind === 'running' ? undefined : phase.reason,
    share: steps[step]?.share ?? 0,
    heldAt: isHeld ? first.share : undefined,
  };
}
