import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { liveHandles } from '../native/index.ts';
import { openServer, type Server, type ServerOptions } from './server.ts';

const base = join(fileURLToPath(new URL('../../test/golden/llama-d16', import.meta.url)), 'model');

let server: Server | undefined;
afterEach(async () => {
  await server?.close();
  server = undefined;
  const alive = JSON.stringify(liveHandles());
  if (alive !== '{}') throw new Error(`Native handles are left: ${alive}`);
});

async function open(options: Partial<ServerOptions>): Promise<Server> {
  server = await openServer({ base, servedName: 'base', threads: 1, port: 0, ...options });
  return server;
}

function post(body: object): Promise<Response> {
  return fetch(`${server?.url}/v1/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'base', prompt: [1, 2, 3], max_tokens: 40, ignore_eos: true, ...body }),
  });
}

describe('a server with a bound of memory for keys and values', () => {
  it('says what it has room for', async () => {
    const { room, memory } = await open({ maxSlots: 2, maxLength: 32, kvMemory: 2 ** 20, adapterMemory: 2 ** 21 });
    expect(memory).toMatchObject({ kv: 2 ** 20, adapters: 2 ** 21, job: undefined });
    const bytes = 64 * (room?.bytesPerToken ?? 0);
    expect(room).toMatchObject({ slots: 2, maxLength: 32, bytes, budget: 2 ** 20 });
    expect(bytes).toBeGreaterThan(0);
  });

  it('takes fewer requests at once where nobody asked for more', async () => {
    const { room } = await open({ maxLength: 32, kvMemory: 2 ** 20 });
    const perSlot = 32 * (room?.bytesPerToken ?? 0);
    await server?.close();
    expect((await open({ maxLength: 32, kvMemory: 3 * perSlot })).room?.slots).toBe(3);
    expect((await post({})).status).toBe(400);
    expect((await post({ max_tokens: 8, n: 5 })).status).toBe(200);
  });

  it('does not open with more than fits, and leaves nothing behind', async () => {
    const refusal = expect.objectContaining({ code: 'KV_MEMORY' });
    await expect(open({ maxSlots: 16, maxLength: 64, kvMemory: 1000 })).rejects.toEqual(refusal);
  });
});

describe('a server with a bound on waiting', () => {
  it('refuses what is beyond it at once, with the time after which to come again', async () => {
    await open({ maxSlots: 1, maxLength: 64, maxWaiting: 2 });
    const answers = await Promise.all(Array.from({ length: 12 }, () => post({})));
    const refused = answers.filter(({ status }) => status === 429);
    expect(answers.map(({ status }) => status).filter((status) => status !== 200 && status !== 429)).toEqual([]);
    expect(refused.length).toBeGreaterThan(0);
    for (const { headers } of refused) expect(Number(headers.get('retry-after-ms'))).toBeGreaterThan(0);
    expect((await post({})).status).toBe(200);
  });

  it('tells a request that can never fit so', async () => {
    await open({ maxSlots: 1, maxLength: 64, maxWaiting: 2 });
    const answer = await post({ n: 3 });
    expect(answer.status).toBe(400);
    expect(await answer.text()).toContain('asks for 3 choices, and the queue takes 1 of one request');
  });
});
