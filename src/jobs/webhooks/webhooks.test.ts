import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { onJobEvent } from '../../core/index.ts';
import { someJob } from '../testing/job-record.ts';
import { webhookHeaders } from './sign.ts';
import { delayAfter, type PostWebhook, WebhookQueue } from './webhook-queue.ts';

describe('a signature', () => {
  it('is that of the example of Standard Webhooks', () => {
    const headers = webhookHeaders('whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', {
      id: 'msg_p5jXN8AQM9LWM0D4loKWxJek',
      timestamp: 1614265330,
      body: '{"test": 2432232314}',
    });
    expect(headers['webhook-signature']).toBe('v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=');
  });
});

describe('the time between attempts', () => {
  it('grows, and ends growing', () => {
    expect([1, 2, 3, 4, 20].map(delayAfter)).toEqual([5000, 20_000, 80_000, 320_000, 21_600_000]);
  });
});

/** WHY so patient: other tests keep the cores busy. */
const soon = (check: () => void | Promise<void>): Promise<void> => vi.waitFor(check, 20_000);
vi.setConfig({ testTimeout: 60_000 });

let dir: string;
let time: number;
let waiting: { ms: number; run: () => void }[];
let posted: { url: string; body: string; headers: Readonly<Record<string, string>> }[];
let answers: (number | Error)[];
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'espalier-'));
  [time, waiting, posted, answers] = [1_000_000, [], [], []];
});
afterEach(() => rm(dir, { recursive: true }));

const post: PostWebhook = async (url, { headers, body }) => {
  posted.push({ url, headers, body });
  const answer = answers.shift() ?? 200;
  if (answer instanceof Error) throw answer;
  return answer;
};
const timers = {
  after: (ms: number, run: () => void) => {
    const timer = { ms, run };
    waiting.push(timer);
    return () => void (waiting = waiting.filter((one) => one !== timer));
  },
};
const open = (sending: PostWebhook = post): WebhookQueue =>
  new WebhookQueue({
    dir,
    target: { url: 'https://example.com/hook', secret: 'whsec_c2VjcmV0' },
    post: sending,
    timers,
    now: () => time,
  });
/** Lets the time of the next attempt come. */
const pass = (): void => {
  const [next] = waiting.splice(0, 1);
  time += next?.ms ?? 0;
  next?.run();
};
const pending = async (): Promise<number> => (await readdir(dir)).length;

describe('a webhook', () => {
  it('tells the states that are told, in the form of OpenAI, once', async () => {
    const queue = open();
    for (const status of ['validating_files', 'queued', 'succeeded'] as const) queue.tell(someJob({ status }));
    await queue[Symbol.asyncDispose]();
    expect(posted.map(({ body }) => JSON.parse(body) as unknown)).toEqual([
      {
        id: expect.stringMatching(/^evt_/) as string,
        object: 'event',
        created_at: 1000,
        type: 'fine_tuning.job.succeeded',
        data: { id: 'ftjob-1' },
      },
    ]);
    expect(await pending()).toBe(0);
  });

  it('is sent again with the same id and a new time until it is taken', async () => {
    answers = [500, new Error('no route')];
    const queue = open();
    queue.tell(someJob({ status: 'failed' }));
    await soon(() => expect(waiting.map(({ ms }) => ms)).toEqual([5000]));
    pass();
    await soon(() => expect(waiting.map(({ ms }) => ms)).toEqual([20_000]));
    expect(await pending()).toBe(1);
    pass();
    await soon(async () => expect([posted.length, await pending()]).toEqual([3, 0]));
    expect(new Set(posted.map(({ headers }) => headers['webhook-id'])).size).toBe(1);
    expect(posted.map(({ headers }) => headers['webhook-timestamp'])).toEqual(['1000', '1005', '1025']);
    await queue[Symbol.asyncDispose]();
  });

  it('is kept before it is sent', async () => {
    let seen = 0;
    const queue = open(async (...sent) => {
      seen = await pending();
      return post(...sent);
    });
    queue.tell(someJob({ status: 'failed' }));
    await queue[Symbol.asyncDispose]();
    expect([seen, await pending()]).toEqual([1, 0]);
  });

  it('outlives the server', async () => {
    answers = [503, 503];
    const queue = open();
    queue.tell(someJob({ status: 'cancelled' }));
    await soon(() => expect(waiting.length).toBe(1));
    await queue[Symbol.asyncDispose]();
    expect([waiting.length, await pending()]).toEqual([0, 1]);
    const next = open();
    await next.begin();
    // The attempts of the server before count.
    await soon(() => expect(waiting.map(({ ms }) => ms)).toEqual([20_000]));
    pass();
    await soon(async () => expect([posted.length, await pending()]).toEqual([3, 0]));
    expect(new Set(posted.map(({ body }) => body)).size).toBe(1);
    await next[Symbol.asyncDispose]();
  });

  it('is delivered although it cannot be kept, again too, and that is told', async () => {
    const told: string[] = [];
    using _heard = onJobEvent((event) => void (event.event === 'note' && told.push(event.message)));
    await rm(dir, { recursive: true });
    answers = [500];
    const queue = open();
    queue.tell(someJob({ status: 'failed' }));
    await soon(() => expect(waiting.map(({ ms }) => ms)).toEqual([5000]));
    pass();
    await soon(() => expect(posted.length).toBe(2));
    await queue[Symbol.asyncDispose]();
    expect(told.filter((message) => message.includes('cannot be kept'))).toHaveLength(2);
    await mkdir(dir);
  });

  it('that cannot be kept counts no more when it has been delivered', async () => {
    await rm(dir, { recursive: true });
    const queue = open();
    for (let at = 0; at < 1000; at++) queue.tell(someJob({ status: 'failed' }));
    await soon(() => expect(posted.length).toBe(1000));
    queue.tell(someJob({ status: 'failed' }));
    await queue[Symbol.asyncDispose]();
    expect(posted.length).toBe(1001);
    await mkdir(dir);
  });

  it('is given up after three days, and that is told', async () => {
    const told: string[] = [];
    using _heard = onJobEvent((event) => void (event.event === 'note' && told.push(event.message)));
    answers = Array.from({ length: 100 }, () => 404);
    const queue = open();
    queue.tell(someJob({ status: 'failed' }));
    const begin = time;
    while (!told.some((message) => message.includes('given up'))) {
      await soon(() => expect(waiting.length > 0 || told.length > 1).toBe(true));
      pass();
    }
    expect([await pending(), (time - begin) / 3_600_000 > 60]).toEqual([0, true]);
    expect(told[0]).toBe('a webhook was not taken, and is sent again: it answered 404');
    await queue[Symbol.asyncDispose]();
  });
});
