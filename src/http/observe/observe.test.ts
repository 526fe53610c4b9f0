import { request } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { publishAdapterEvent } from '../../core/index.ts';
import type { AuditReader } from '../../service/index.ts';
import { createApp } from '../app.ts';
import { fakeContext } from '../testing/fake-context.ts';
import { EventLog } from './event-log.ts';

let log: EventLog;
let app: FastifyInstance;
let asked: unknown;

const audit: AuditReader = {
  page: async (query) => {
    asked = { ...query, matches: typeof query.matches };
    const record = {
      seq: 7,
      time: '2026-11-30T12:00:00.000Z',
      actor: 'store',
      event: 'load',
      result: 'done',
      prev: '0',
    };
    return { records: [record as never], before: 7 };
  },
};

const timeouts: (() => void)[] = [];
const timers = {
  after(_ms: number, run: () => void) {
    timeouts.push(run);
    return () => undefined;
  },
};

beforeEach(() => {
  log = new EventLog(4);
  timeouts.length = 0;
  const context = { ...fakeContext(), control: undefined, audit };
  const control = { list: () => [], has: () => false } as never;
  app = createApp(context, { generation: { ...context, control } }, { events: log, timers });
});
afterEach(async () => {
  await app.close();
  log[Symbol.dispose]();
});

const happen = (...names: readonly string[]): void => {
  for (const name of names) publishAdapterEvent({ event: 'load', name, version: 'v1' });
};

interface Listening {
  readonly status: number;
  /** Resolves with the next text that was not taken yet and holds this. */
  until(part: string): Promise<string>;
  readonly ended: Promise<void>;
  close(): void;
}

/** Listens as a page does. */
async function listen(headers: Record<string, string> = {}): Promise<Listening> {
  if (!app.server.listening) await app.listen({ host: '127.0.0.1', port: 0 });
  const { port } = app.server.address() as AddressInfo;
  return new Promise((resolve, reject) => {
    const sent = request({ port, path: '/v1/events', headers: { accept: 'text/event-stream', ...headers } });
    sent.on('error', reject);
    sent.on('response', (answer) => {
      let text = '';
      let look = (): void => undefined;
      answer.setEncoding('utf8').on('data', (piece: string) => {
        text += piece;
        look();
      });
      const until = (part: string): Promise<string> =>
        new Promise((found) => {
          look = () => {
            if (!text.includes(part)) return;
            found(text);
            text = '';
          };
          look();
        });
      const ended = new Promise<void>((end) => answer.once('close', end));
      resolve({ status: answer.statusCode ?? 0, until, ended, close: () => sent.destroy() });
    });
    sent.end();
  });
}

describe('GET /v1/events', () => {
  it('tells the latest events, and those after a place, as JSON', async () => {
    happen('a', 'b');
    const first = (await app.inject('/v1/events')).json();
    expect(first).toMatchObject({ gap: false, data: [{ name: 'a' }, { name: 'b', event: 'load', by: 'server' }] });
    happen('c');
    const second = (await app.inject(`/v1/events?after=${first.last_id}`)).json();
    expect(second).toMatchObject({ gap: false, data: [{ name: 'c' }] });
    expect((await app.inject(`/v1/events?after=${second.last_id}`)).json().data).toEqual([]);
  });

  it('misses none where a page is smaller than what came', async () => {
    const { last_id: place } = (await app.inject('/v1/events')).json();
    happen('a', 'b', 'c');
    const page = (await app.inject(`/v1/events?after=${place}&limit=2`)).json();
    expect(page.data.map(({ name }: { name: string }) => name)).toEqual(['a', 'b']);
    const next = (await app.inject(`/v1/events?after=${page.last_id}&limit=2`)).json();
    expect(next.data).toMatchObject([{ name: 'c' }]);
  });

  it.each(['limit=0', 'limit=2000', 'limit=x', 'befor=1'])('refuses ?%s', async (query) => {
    expect((await app.inject(`/v1/events?${query}`)).statusCode).toBe(400);
  });

  it('streams what comes, and goes on after the last one that a client had', async () => {
    happen('a');
    const one = await listen();
    expect(await one.until('event: ready')).toMatch(/event: adapter\nid: \S+\ndata: .*"name":"a"/);
    happen('b');
    const told = await one.until('"b"');
    one.close();
    await one.ended;
    happen('c');
    const id = /id: (\S+)/.exec(told)?.[1] ?? '';
    const two = await listen({ 'last-event-id': id });
    const after = await two.until('event: ready');
    expect([after.includes('"name":"c"'), after.includes('"name":"b"'), after.includes('event: gap')]).toEqual([
      true,
      false,
      false,
    ]);
    two.close();
  });

  it('says that events are missing', async () => {
    const stream = await listen({ 'last-event-id': '00000000-5' });
    expect(await stream.until('event: ready')).toContain('event: gap');
    stream.close();
  });

  it('ends streams after some time, and when the server closes', async () => {
    const [one, two] = [await listen(), await listen()];
    await one.until('event: ready');
    await two.until('event: ready');
    const ended: string[] = [];
    void one.ended.then(() => ended.push('one'));
    void two.ended.then(() => ended.push('two'));
    timeouts[0]?.();
    await one.ended;
    happen('a');
    await two.until('"a"');
    expect(ended).toEqual(['one']);
    await app.close();
    await two.ended;
    expect(ended).toEqual(['one', 'two']);
  });

  it('takes a bounded number of listeners', async () => {
    const streams = [await listen()];
    streams.push(...(await Promise.all(Array.from({ length: 63 }, () => listen()))));
    const refused = await listen();
    expect([refused.status, await refused.until('}}')]).toEqual([429, expect.stringContaining('event_streams_full')]);
    streams[0]?.close();
    await streams[0]?.ended;
    await expect.poll(async () => (await listen()).status).toBe(200);
    for (const stream of streams) stream.close();
  });
});

describe('GET /v1/audit', () => {
  it('tells a page of the record, and where the next one begins', async () => {
    const answer = (await app.inject('/v1/audit?before=9&limit=1&name=a')).json();
    expect(answer).toMatchObject({ data: [{ seq: 7, event: 'load' }], has_more: true, next_before: 7 });
    expect(asked).toEqual({ before: 9, limit: 1, matches: 'function' });
  });

  it.each(['before=0', 'limit=501', 'names=a'])('refuses ?%s', async (query) => {
    expect((await app.inject(`/v1/audit?${query}`)).statusCode).toBe(400);
  });
});
