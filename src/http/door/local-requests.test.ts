import type { FastifyInstance } from 'fastify';
import { afterEach, describe, expect, it } from 'vitest';
import { createApp, type AppOptions } from '../app.ts';
import { assertLocal } from './local-requests.ts';
import { fakeContext } from '../testing/fake-context.ts';

let app: FastifyInstance | undefined;
afterEach(() => app?.close());

async function unload(
  remoteAddress: string,
  { apiKey, headers = {}, ...options }: AppOptions & { apiKey?: string; headers?: Record<string, string> } = {},
): Promise<string | number> {
  const context = fakeContext({ adapters: ['strict'], ...(apiKey === undefined ? {} : { apiKey }) });
  app = createApp(context, { generation: context }, options);
  const url = '/v1/unload_lora_adapter';
  const answer = await app.inject({ method: 'POST', url, payload: { lora_name: 'strict' }, remoteAddress, headers });
  return answer.statusCode === 200 ? 200 : answer.json<{ error: { code: string } }>().error.code;
}

describe('routes of administration without a key of their own', () => {
  it.each(['127.0.0.1', '127.9.9.9', '::1', '::ffff:127.0.0.1'])('are open to %s', async (address) => {
    expect(await unload(address)).toBe(200);
  });

  it.each(['10.0.0.7', '::ffff:10.0.0.7', '2001:db8::1', '128.0.0.1'])('are closed to %s', async (address) => {
    expect(await unload(address)).toBe('admin_key_missing');
  });

  it('are closed where the address is not known', () => {
    const unknown = { socket: {}, headers: {} };
    expect(() => assertLocal(unknown, 'admin')).toThrow('changed only from the machine of the server');
    expect(() => assertLocal(unknown, 'read')).toThrow('seen only from its own machine');
  });

  it.each(['forwarded', 'x-forwarded-for', 'x-real-ip', 'via'])(
    'are closed to what a proxy of this machine passes on with %s',
    async (name) => {
      expect(await unload('127.0.0.1', { headers: { [name]: '127.0.0.1' } })).toBe('admin_key_missing');
    },
  );

  it('are closed to the key for inference of another machine, and need it on this one', async () => {
    const headers = { authorization: 'Bearer secret' };
    expect(await unload('10.0.0.7', { apiKey: 'secret', headers })).toBe('admin_key_missing');
    expect(await unload('10.0.0.7', { apiKey: 'secret' })).toBe('invalid_api_key');
    expect(await unload('127.0.0.1', { apiKey: 'secret' })).toBe('invalid_api_key');
    expect(await unload('127.0.0.1', { apiKey: 'secret', headers })).toBe(200);
  });
});

describe('routes of administration with a key of their own', () => {
  it('are open to it from everywhere, and to nothing else', async () => {
    const options = { adminKey: 'admin' };
    const headers = { authorization: 'Bearer admin', 'x-forwarded-for': '10.0.0.7' };
    expect(await unload('10.0.0.7', { ...options, headers })).toBe(200);
    expect(await unload('127.0.0.1', options)).toBe('invalid_api_key');
  });
});
