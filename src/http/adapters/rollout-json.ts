import type { RolloutOptions, RolloutState } from '../../routing/index.ts';
import { actorFor } from '../keys/hide-names.ts';
import type { KeyHolder } from '../keys/key-holder.ts';

/** A roll-out as the routes describe it. */
export interface RolloutJson {
  readonly object: 'rollout';
  readonly id: string;
  readonly name: string;
  readonly stable: string;
  readonly candidate: string;
  readonly phase: RolloutState['phase']['kind'];
  /** Why it does not run; null while it does. */
  readonly reason: string | null;
  /** Number of the step, from 0. */
  readonly step: number;
  readonly steps: readonly object[];
  readonly limits: object;
  readonly noise: object;
  /** How long the step has run, in ms. */
  readonly step_ms: number;
  /** What was seen: of the candidate in this step, of the stable version in the whole roll-out. */
  readonly candidate_calls: Calls;
  readonly stable_calls: Calls;
  /** Requests that were compared in this step, and the means of what was compared. */
  readonly mirrored: {
    readonly requests: number;
    readonly divergence: number | null;
    readonly agreement: number | null;
  };
}

interface Calls {
  readonly calls: number;
  readonly failures: number;
}

/** @param reader  the holder of the key to whom it is told */
export function rolloutJson(state: RolloutState, reader: KeyHolder): RolloutJson {
  const { id, alias, stable, candidate, phase, step, stepMs, settings, mirror } = state;
  const { count: requests } = mirror.divergence;
  const meanOf = ({ mean }: { readonly mean: number }): number | null => (requests === 0 ? null : mean);
  return {
    object: 'rollout',
    id,
    name: alias,
    stable,
    candidate,
    phase: phase.kind,
    reason: phase.kind === 'running' ? null : reasonFor(reader, phase.reason),
    step,
    steps: settings.steps.map(snakeCased),
    limits: snakeCased(settings.limits),
    noise: snakeCased(settings.noise),
    step_ms: Math.round(stepMs),
    candidate_calls: callsOf(state.candidateCalls),
    stable_calls: callsOf(state.stableCalls),
    mirrored: { requests, divergence: meanOf(mirror.divergence), agreement: meanOf(mirror.agreement) },
  };
}

/** WHY: a command without a reason gets who gave it as its reason. */
function reasonFor(reader: KeyHolder, reason: string): string {
  return reason.replace(/(?<= by )(key|address) .*$/s, (actor) => actorFor(reader, actor));
}

function callsOf({ calls, failures }: Calls): Calls {
  return { calls, failures };
}

type Numbers = Readonly<Record<string, number>>;

/** Settings of a roll-out as a request gives them. */
export interface RolloutSettingsJson {
  readonly steps?: readonly Numbers[] | undefined;
  readonly limits?: Numbers | undefined;
  readonly noise?: Numbers | undefined;
}

/** @returns undefined if nothing is set: the defaults of the server are meant then */
export function rolloutOptionsIn({ steps, limits, noise }: RolloutSettingsJson): RolloutOptions | undefined {
  if (steps === undefined && limits === undefined && noise === undefined) return undefined;
  return {
    ...(steps && { steps: steps.map(camelCased) }),
    ...(limits && { limits: camelCased(limits) }),
    ...(noise && { noise: camelCased(noise) }),
  };
}

function snakeCased(numbers: Numbers): Numbers {
  return renamed(numbers, (name) => name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`));
}

function camelCased(numbers: Numbers): Numbers {
  return renamed(numbers, (name) => name.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase()));
}

function renamed(numbers: Numbers, rename: (name: string) => string): Numbers {
  return Object.fromEntries(Object.entries(numbers).map(([name, value]) => [rename(name), value]));
}
