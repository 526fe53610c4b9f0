import { cp } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import { createRandom, messageOf } from '../../src/core/index.ts';
import { liveHandles } from '../../src/native/index.ts';
import type { GenerationService } from '../../src/service/index.ts';
import { openScratch, tinyBase } from '../root.ts';
import { serveHere } from '../storm/served-here.ts';

export interface DisconnectCounts {
  readonly requests: number;
  readonly answered: number;
  readonly left: number;
  /** Of those left: requests whose clients had read nothing of the answer until then. */
  readonly stalled: number;
  /** Requests that neither ended well nor were left. */
  readonly failed: number;
  /** How they failed, each way with how often: a status with its error, or what kept a client from an answer. */
  readonly failures: string;
  /** Requests that the engine still has at the end, sequences that run or wait. */
  readonly slots: number;
  /** Leases of adapters that are held at the end. */
  readonly leases: number;
  /** Native handles beyond those of before, when the server has ended. */
  readonly handles: number;
  /** Growth of the resident memory over the second half, in MB. */
  readonly grownMb: number;
}

export interface DisconnectOptions {
  readonly requests: number;
  readonly seed: number;
  /** Lets a request that is left keep its lease, as a broken server would. */
  readonly keepsLeases?: boolean;
  readonly progress?: (text: string) => void;
}

const clients = 16;

/** Sends requests to a server in this process, most of which their clients leave at a random time, and looks at what is left behind. */
export async function leaveAtRandom(options: DisconnectOptions): Promise<DisconnectCounts> {
  const before = handleCount();
  const counts = await serveAndLeave(options);
  return { ...counts, handles: handleCount() - before };
}

function handleCount(): number {
  return Object.values(liveHandles()).reduce((sum, count) => sum + count, 0);
}

async function serveAndLeave({
  requests,
  seed,
  keepsLeases = false,
  progress = () => undefined,
}: DisconnectOptions): Promise<Omit<DisconnectCounts, 'handles'>> {
  await using scratch = await openScratch('disconnects');
  await cp(join(tinyBase, '../adapter'), join(scratch.path, 'adapter'), { recursive: true });
  await using served = await serveHere({ adapters: scratch.path, maxSlots: 8, maxLength: 128 });
  const { service } = served;
  const url = `http://127.0.0.1:${served.port}/v1/completions`;
  const random = createRandom(seed, 'disconnects');
  const counts = { answered: 0, left: 0, stalled: 0, failed: 0 };
  const failures: Record<string, number> = {};
  const fail = (how: string): void => {
    counts.failed++;
    failures[how] = (failures[how] ?? 0) + 1;
  };
  const held: Disposable[] = [];
  const one = async (): Promise<void> => {
    const signal = random.uniform() < 0.8 ? AbortSignal.timeout(Math.floor(random.uniform() * 40)) : undefined;
    const body = {
      model: random.uniform() < 0.7 ? 'adapter' : 'base',
      prompt: Array.from({ length: 1 + random.integer(60) }, () => random.integer(100)),
      max_tokens: 1 + random.integer(60),
      n: 1 + random.integer(3),
      stream: random.uniform() < 0.5,
      ignore_eos: true,
    };
    if (random.uniform() < 0.05) {
      await stall(url, { ...body, stream: true }, Math.floor(random.uniform() * 200));
      counts.left++;
      counts.stalled++;
      return;
    }
    try {
      const headers = { 'content-type': 'application/json' };
      const answer = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body), signal: signal ?? null });
      const text = await answer.text();
      if (answer.ok) counts.answered++;
      else fail(`${answer.status} ${text.slice(0, 200)}`);
    } catch (error) {
      if (signal?.aborted === true) counts.left++;
      else fail(reasonOf(error));
      if (keepsLeases && body.model === 'adapter') held.push(await heldLease(service));
    }
  };
  const send = async (count: number): Promise<void> => {
    let sent = 0;
    const client = async (): Promise<void> => {
      while (sent++ < count) {
        await one();
        progress(`disconnects: ${counts.answered + counts.left + counts.failed} of ${requests} requests`);
      }
    };
    await Promise.all(Array.from({ length: clients }, client));
    await settled(service);
  };
  try {
    await send(Math.ceil(requests / 4));
    await send(Math.ceil(requests / 4));
    const before = process.memoryUsage.rss();
    await send(Math.ceil(requests / 2));
    const grownMb = (process.memoryUsage.rss() - before) / 2 ** 20;
    const { running, waiting } = service.engine.load();
    return {
      requests: counts.answered + counts.left + counts.failed,
      ...counts,
      failures: Object.entries(failures)
        .map(([how, count]) => `${count} times ${how}`)
        .join('; '),
      slots: running + waiting,
      leases: leasesOf(service),
      grownMb,
    };
  } finally {
    for (const lease of held) lease[Symbol.dispose]();
  }
}

/** A client that asks for a stream, reads nothing of it, and breaks the connection after `ms`. */
async function stall(url: string, body: object, ms: number): Promise<void> {
  const asked = request(url, { method: 'POST', headers: { 'content-type': 'application/json' }, agent: false });
  asked.on('error', () => undefined);
  // WHY pause: a response without a reader fills the buffers of its socket, and then the server's.
  asked.on('response', (response) => response.on('error', () => undefined).pause());
  asked.end(JSON.stringify(body));
  await new Promise((resolve) => setTimeout(resolve, ms));
  asked.destroy();
}

/** WHY the cause: `fetch` itself says only that it failed. */
function reasonOf(error: unknown): string {
  return error instanceof Error && error.cause instanceof Error ? messageOf(error.cause) : messageOf(error);
}

async function heldLease(service: GenerationService): Promise<Disposable> {
  const route = await service.context.router.resolve('adapter');
  return { [Symbol.dispose]: () => route.leases.forEach((lease) => lease.dispose()) };
}

function leasesOf(service: GenerationService): number {
  return (service.context.control?.list() ?? []).reduce((sum, { leases }) => sum + leases, 0);
}

/** Waits until the engine has nothing to do, for ten seconds at most. */
async function settled({ engine }: GenerationService): Promise<void> {
  for (let turn = 0; turn < 1000; turn++) {
    const { running, waiting } = engine.load();
    if (running + waiting === 0) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
