import { type AdapterEvent, messageOf } from '../core/index.ts';

/** Reports to the operator of a server which adapters are loaded, replaced and removed, and which cannot be served. */
export interface AdapterNotes extends Disposable {
  /**
   * Reports the adapters that have failed so far, and from then on every change when it happens.
   * @param announced  adapters that the server's first line already names; their first loading is not reported again
   */
  begin(announced: readonly string[]): void;
}

/** What is reported of adapters that the server's first line names already. */
const toldEarly: ReadonlySet<string> = new Set([
  'fail',
  'template',
  'note',
  'policy',
  'store',
  'quarantine',
  'discard',
]);

/**
 * Reports each event once, when it happens. WHY not from the server's list of failed adapters: that list is made when the server has
 * started, and the weights of many adapters are read later.
 */
export function tellAdapters(
  onEvent: (listener: (event: AdapterEvent) => void) => Disposable,
  tell: (text: string) => void,
): AdapterNotes {
  const early: string[] = [];
  let named: Set<string> | undefined;
  const subscription = onEvent((event) => {
    if (named === undefined && !toldEarly.has(event.event)) return;
    if (event.event === 'load' && named?.delete(event.name ?? '')) return;
    const text = textOf(event);
    if (text !== undefined) (named === undefined ? (line: string) => early.push(line) : tell)(text);
  });
  return {
    begin(announced) {
      named = new Set(announced);
      for (const text of early.splice(0)) tell(text);
    },
    [Symbol.dispose]: () => subscription[Symbol.dispose](),
  };
}

/** A retired version is not reported, because it has no name any more, and neither are weights that come and go all the time. */
function textOf(told: AdapterEvent): string | undefined {
  const { event, result, name, version, previous, reason, error, details = {} } = told;
  switch (event) {
    case 'load':
      return `The adapter ${name} is served: version ${shortened(version)}`;
    case 'replace':
      return `The adapter ${name} is replaced: version ${shortened(previous)} by ${shortened(version)}`;
    case 'rollback':
      return `The adapter ${name} went back: from version ${shortened(previous)} to ${shortened(version)}${because(reason)}`;
    case 'pin':
      return (
        name && `The adapter ${name} stays at version ${shortened(version)} until it is unpinned${because(reason)}`
      );
    case 'unpin':
      return name && `The adapter ${name} can move again${because(reason)}`;
    case 'drain':
      return name && `The adapter ${name} takes no new requests${because(reason)}`;
    case 'resume':
      return name && `The adapter ${name} takes requests again${because(reason)}`;
    case 'unload':
      return `The adapter ${name} is unloaded: version ${shortened(version)}`;
    case 'fail':
      return `The adapter ${name} is not served: ${messageOf(error)}`;
    case 'template':
      return `The adapter ${name} brings a chat template or a tokenizer of its own, which requests for it use. --template base uses those of the base`;
    case 'note':
      return `The adapter ${name} ${reason}`;
    case 'quarantine': {
      const what =
        version === undefined ? `What came as the adapter ${name}` : `Version ${shortened(version)} of ${name}`;
      const why = error === undefined ? (reason ?? 'without a reason') : messageOf(error);
      return `${what} was put into quarantine: ${why}${why === reason ? '' : because(reason)}`;
    }
    case 'discard':
      return error === undefined
        ? `What came as the adapter ${name} is no longer kept in quarantine: ${reason}`
        : `The quarantine cannot be kept small: ${messageOf(error)}`;
    case 'publish':
      return result === 'done' ? undefined : `The change of ${name} in the store is not followed: ${messageOf(error)}`;
    case 'verify':
      return result === 'done'
        ? undefined
        : `The store could not take ${name} in: ${messageOf(error)}${because(reason)}`;
    case 'policy':
    case 'store':
      return `${sentence(reason ?? '')}${error === undefined ? '' : `: ${messageOf(error)}`}`;
    case 'breaker':
      return breakerText(told);
    case 'rollout':
      return rolloutText(told);
    case 'fallback':
      return `For ${name}, ${details['fallback']} answers while its version fails${because(reason)}`;
    case 'lease':
      return leaseText(told);
    case 'noise':
      return noiseText(told);
    case 'fleet':
      return fleetText(told);
    case 'resident':
    case 'release':
    case 'retire':
      return undefined;
  }
}

function leaseText({ name, version, reason, details = {} }: AdapterEvent): string {
  const { leases, oldestMs } = details;
  const seconds = Math.round(Number(oldestMs) / 1000);
  return `Version ${shortened(version)} of ${name}: ${reason} (leases: ${leases}, the oldest taken ${seconds} s ago)`;
}

function noiseText({ name, version, reason, error, details = {} }: AdapterEvent): string {
  const what = name === undefined ? 'The noise of versions' : `The noise of ${name}, version ${shortened(version)}`;
  if (error !== undefined) return `${what}: ${messageOf(error)}${because(reason)}`;
  const { samples, divergence, agreement } = details;
  if (details['isForgotten'] === true) return `The noise of ${name} is forgotten${because(reason)}`;
  if (samples === undefined) return `${what} is being measured${because(reason)}`;
  return `${what} is at most ${Number(divergence).toFixed(4)} nats, agreement ${Number(agreement).toFixed(4)} (${samples} requests)`;
}

function fleetText({ actor, reason, error, details = {} }: AdapterEvent): string {
  const what = details['commit'] === undefined ? 'The fleet' : `The fleet at ${details['commit']}`;
  switch (details['step']) {
    case 'applied':
      return `${what} is applied: ${details['moved']} names moved${because(reason)}`;
    case 'refused':
      return `${what} is refused, and nothing was changed: ${messageOf(error)}`;
    case 'drift':
      return `${what} is not what lives: ${reason}`;
    case 'restored':
      return `${what} is restored`;
    case 'unreachable':
      return `The source of the fleet cannot be reached, and what was applied last serves on: ${messageOf(error)}`;
    case 'reachable':
      return 'The source of the fleet is reached again';
    default:
      return `${what} is ${details['step']} by ${actor}${because(reason)}`;
  }
}

function breakerText({ version, details = {} }: AdapterEvent): string {
  const { to, requests, failures } = details;
  const what = `Version ${shortened(version)}`;
  if (to === 'open') return `${what} is not asked for a while: ${failures} of its last ${requests} calls failed`;
  return to === 'half-open' ? `${what} is tried again` : `${what} answers again`;
}

function rolloutText({ name, version, reason, error, details = {} }: AdapterEvent): string {
  if (name === undefined) return `A roll-out cannot go on: ${messageOf(error)}`;
  const what = `The roll-out of ${name} to version ${shortened(version)}`;
  const { phase, step } = details;
  if (phase === undefined) return `${what} is not done yet, and is tried again: ${messageOf(error)}`;
  if (phase === 'running') return `${what} is at step ${Number(step) + 1}${because(reason)}`;
  const ends = phase === 'failed' ? 'was rolled back' : phase === 'paused' ? 'is held' : `was ${phase}`;
  return `${what} ${ends}${because(reason)}`;
}

function sentence(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function because(reason: string | undefined): string {
  return reason === undefined ? '' : ` (${reason})`;
}

/** The first characters of a version, enough to distinguish versions in a log. */
function shortened(version: string | undefined): string {
  return (version ?? 'unknown').slice(0, 12);
}
