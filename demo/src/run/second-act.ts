import { cp, mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ask, createClient } from './ask.ts';
import { questions, type DemoOptions } from './options.ts';

/** What was seen of one roll-out, and when: seconds after its version was dropped. */
export interface RolloutSeen {
  readonly what: string;
  readonly events: readonly { readonly seconds: number; readonly text: string }[];
  readonly phase: string;
  /** Requests that ended meanwhile, and those of them that failed or that the new version answered. */
  readonly requests: number;
  readonly failed: number;
  readonly byCandidate: number;
}

const name = 'risk-strict';
/** How many times as strongly the weights of the bad version act. */
const badStrength = 100;
const pollMs = 100;
/** WHY so long: machines with one busy core need it. The demo ends much earlier. */
const patienceMs = 60_000;

interface Rollout {
  readonly phase: string;
  readonly reason: string | null;
  readonly step: number;
  readonly candidate: string;
  readonly steps: readonly { readonly share: number }[];
  readonly mirrored: {
    readonly requests: number;
    readonly divergence: number | null;
    readonly agreement: number | null;
  };
}

export interface SecondActOptions extends Pick<DemoOptions, 'clients'> {
  readonly url: string;
  readonly store: string;
  /** Folder of the trained adapters. */
  readonly adapters: string;
}

/** Drops a bad version and then a good one into the store while clients ask, and tells what became of both. */
export async function secondAct(
  options: SecondActOptions,
): Promise<{ readonly rollouts: readonly RolloutSeen[]; readonly requests: number; readonly failed: number }> {
  const { url, store, adapters } = options;
  await drop(store, join(adapters, name), 1);
  await until(async () => (await statusOf(`${url}/v1/models/${name}`)) === 200);
  const load = new SteadyLoad(url);
  const clients = Array.from({ length: options.clients }, (_, index) => load.keepAsking(index));
  let rollouts: readonly RolloutSeen[] = [];
  try {
    const bad = await watch('a bad version', options, load, () => drop(store, join(adapters, name), badStrength));
    const source = join(adapters, 'versions', 'risk-strict-2');
    const good = await watch('a good version', options, load, () => drop(store, source, 1));
    rollouts = [bad, good];
  } finally {
    load.stop();
    await Promise.all(clients);
  }
  return { rollouts, ...load.all };
}

/** Puts a copy of an adapter into the store, as a program does that writes it elsewhere first. */
async function drop(store: string, from: string, strength: number): Promise<void> {
  const made = join(store, 'made');
  await cp(from, made, { recursive: true });
  const file = join(made, 'adapter_config.json');
  const config = JSON.parse(await readFile(file, 'utf8')) as { lora_alpha: number };
  await writeFile(file, JSON.stringify({ ...config, lora_alpha: config.lora_alpha * strength }));
  const incoming = join(store, 'incoming');
  await mkdir(incoming, { recursive: true });
  await until(async () => (await readdir(incoming)).length === 0);
  await rename(made, join(incoming, name));
}

async function watch(
  what: string,
  { url }: SecondActOptions,
  load: SteadyLoad,
  begin: () => Promise<void>,
): Promise<RolloutSeen> {
  const before = await rolloutAt(url);
  await begin();
  const start = performance.now();
  const counts = load.begin();
  const events: { seconds: number; text: string }[] = [];
  let last = '';
  for (;;) {
    const rollout = await rolloutAt(url);
    const isOther = rollout !== undefined && rollout.candidate !== before?.candidate;
    const text = isOther ? described(rollout) : '';
    const seconds = (performance.now() - start) / 1000;
    if (text !== last) events.push({ seconds, text });
    last = text;
    if (isOther && rollout.phase !== 'running') {
      return { what, events, phase: rollout.phase, ...counts(rollout.candidate) };
    }
    if (seconds * 1000 > patienceMs) throw new Error(`${what} has no verdict after ${Math.round(seconds)} s: ${text}`);
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
}

function described({ phase, step, steps, reason }: Rollout): string {
  const { share = 0 } = steps[step] ?? {};
  if (phase === 'running') return share === 0 ? 'in shadow' : `answers ${Math.round(100 * share)} % of the users`;
  return `${phase === 'failed' ? 'rolled back and quarantined' : phase}: ${reason ?? ''}`;
}

async function rolloutAt(url: string): Promise<Rollout | undefined> {
  const answer = await fetch(`${url}/v1/adapters/${name}/rollout`);
  const body: unknown = await answer.json();
  return answer.status === 200 ? (body as Rollout) : undefined;
}

async function statusOf(url: string): Promise<number> {
  const answer = await fetch(url);
  await answer.arrayBuffer();
  return answer.status;
}

async function until(isSo: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + patienceMs;
  while (!(await isSo())) {
    if (performance.now() > end) throw new Error('The store takes too long');
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
}

/** Clients that send requests without a pause, each for another user each time. */
class SteadyLoad {
  readonly #url: string;
  #requests = 0;
  #failed = 0;
  readonly #answered = new Map<string, number>();
  #isStopped = false;

  constructor(url: string) {
    this.#url = url;
  }

  stop(): void {
    this.#isStopped = true;
  }

  /** Every request that has ended, those between the roll-outs too. */
  get all(): { readonly requests: number; readonly failed: number } {
    return { requests: this.#requests, failed: this.#failed };
  }

  /** @returns a function that gives the counts since now */
  begin(): (candidate: string) => Pick<RolloutSeen, 'requests' | 'failed' | 'byCandidate'> {
    const [requests, failed] = [this.#requests, this.#failed];
    return (candidate) => ({
      requests: this.#requests - requests,
      failed: this.#failed - failed,
      byCandidate: this.#answered.get(candidate) ?? 0,
    });
  }

  async keepAsking(index: number): Promise<void> {
    const client = createClient(this.#url);
    for (let turn = 0; !this.#isStopped; turn++) {
      const question = questions[(index + turn) % questions.length] ?? '';
      try {
        const { versions } = await ask(client, name, question, { user: `user ${index}-${turn}` });
        for (const version of versions) this.#answered.set(version, (this.#answered.get(version) ?? 0) + 1);
      } catch {
        this.#failed++;
      }
      this.#requests++;
    }
  }
}
