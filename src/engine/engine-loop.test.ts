import { afterEach, describe, expect, it } from 'vitest';

import { EspalierError } from '../core/index.ts';
import { collect, expected, LoopFixture, nextToken } from './testing/loop-fixture.ts';

const prompts = [[1], [2, 2], [0, 1, 2, 0, 1, 2, 0], [1, 0, 1], [2, 1], [2, 2, 2, 2, 2], [0], [1, 1]];

describe('EngineLoop', () => {
  let fixture = new LoopFixture();
  afterEach(async () => {
    await fixture.loop.stop();
    fixture = new LoopFixture();
  });

  it('gives every request its own answer, whatever ends before it and moves', async () => {
    const requests = prompts.map((tokens, i) => fixture.add({ tokens, maxTokens: 3 + ((5 * i) % 7) }));
    const answers = await Promise.all(requests.map(collect));
    expect(answers).toEqual(prompts.map((prompt, i) => expected(prompt, 3 + ((5 * i) % 7))));
    expect(new Set(fixture.runner.batches)).toEqual(new Set([1, 2]));
    expect(fixture.stats.report().requests).toMatchObject({ finished: 8, failed: 0, cancelled: 0 });
  });

  it('runs a prompt once for requests of one group that wait together', async () => {
    const tokens = [1, 0, 1, 2, 2];
    const group = { tokens, promptGroup: {}, logprobs: { prompt: true } };
    const requests = [7, 2, 9, 4].map((maxTokens) => fixture.add({ ...group, maxTokens }));
    const [alone, other] = [fixture.add({ tokens, maxTokens: 3 }), fixture.add({ tokens: [2], maxTokens: 3 })];
    const answers = await Promise.all([...requests, alone, other].map(collect));
    expect(answers).toEqual([...[7, 2, 9, 4, 3].map((count) => expected(tokens, count)), expected([2], 3)]);
    for (const { promptTokens } of requests) expect(promptTokens.map(({ token }) => token)).toEqual(tokens);
    expect(requests[1]?.promptTokens).toEqual(requests[0]?.promptTokens);
    // Of two slots one is free for a second one each time that a prompt of the group has run: two runs for four, and one alone.
    expect(fixture.stats.report().tokens.prompt).toBe(3 * tokens.length + 1);
  });

  it('tells of every token of a prompt, whatever the chunks, and of nothing twice', async () => {
    const requests = prompts.map((tokens) => fixture.add({ tokens, maxTokens: 2, logprobs: { prompt: true, top: 1 } }));
    const answers = await Promise.all(requests.map(collect));
    expect(answers).toEqual(prompts.map((prompt) => expected(prompt, 2)));
    for (const [i, prompt] of prompts.entries()) {
      const told = requests[i]?.promptTokens ?? [];
      expect(told.map(({ token }) => token)).toEqual(prompt);
      const likeliest = told.slice(1).map(({ topLogprobs }) => topLogprobs?.[0]?.token);
      expect(likeliest).toEqual(prompt.slice(1).map((_, place) => nextToken(prompt.slice(0, place + 1))));
      expect(told[0]).toEqual({ token: prompt[0] });
    }
  });

  it('runs a prompt alone where no token is asked for', async () => {
    const request = fixture.add({ tokens: [1, 2, 0, 1], maxTokens: 0, logprobs: { prompt: true } });
    expect(await collect(request)).toEqual([]);
    expect(request.finishReason).toBe('length');
    expect(request.promptTokens).toHaveLength(4);
    expect(fixture.stats.report()).toMatchObject({ requests: { finished: 1 }, tokens: { generated: 0 } });
  });

  it('tells when to come again by how fast the queue moved while requests waited', async () => {
    fixture.runner.onRun = (moment) => void (fixture.clock.time += moment === 'begin' ? 1000 : 0);
    const told: unknown[] = [];
    for (let burst = 0; burst < 3; burst++) {
      const requests = Array.from({ length: 20 }, () => fixture.add({ tokens: [1], maxTokens: 1 }));
      try {
        fixture.loop.admission.assertRoom({ key: undefined, count: 100 });
      } catch (error) {
        told.push(EspalierError.isInstance(error) && error.details['retryAfterSeconds']);
      }
      await Promise.all(requests.map(collect));
      fixture.clock.time += 3_600_000;
      await collect(fixture.add({ tokens: [1], maxTokens: 1 }));
    }
    // From the second burst on a second for each of those that wait, whatever lies between the bursts.
    expect(told).toEqual([1, expect.closeTo(20, -1), expect.closeTo(20, -1)]);
  });

  it('goes on with others when a consumer stops reading', async () => {
    const [first, second] = [fixture.add({ tokens: [1], maxTokens: 50 }), fixture.add({ tokens: [2], maxTokens: 9 })];
    for await (const { token } of first.tokens) if (token >= 0) break;
    expect(await collect(second)).toEqual(expected([2], 9));
    await fixture.loop.settled();
    expect(fixture.stats.report().requests).toMatchObject({ finished: 1, cancelled: 1 });
  });

  it('rejects with the reason of the signal that aborted, and takes the request out', async () => {
    const controller = new AbortController();
    const request = fixture.add({ tokens: [1], maxTokens: 90, signal: controller.signal });
    await request.tokens.next();
    controller.abort(new Error('client gone'));
    await expect(collect(request)).rejects.toThrow('client gone');
    await fixture.loop.settled();
    expect(fixture.stats.report().requests).toMatchObject({ finished: 0, cancelled: 1 });
  });

  it('fails the requests of a failed run, and serves the next one', async () => {
    fixture.runner.failure = new Error('out of memory');
    const failed = fixture.add({ tokens: [1], maxTokens: 5 });
    await expect(collect(failed)).rejects.toThrow(
      'A model run failed, and all requests in it failed too: out of memory',
    );
    fixture.runner.failure = undefined;
    expect(await collect(fixture.add({ tokens: [1], maxTokens: 5 }))).toEqual(expected([1], 5));
  });

  it('fails only the request whose logits are not finite', async () => {
    const [broken, sound] = [fixture.add({ tokens: [3], maxTokens: 5 }), fixture.add({ tokens: [1], maxTokens: 5 })];
    const answers = await Promise.allSettled([collect(broken), collect(sound)]);
    expect(answers).toMatchObject([
      { status: 'rejected', reason: { code: 'LOGITS_NOT_FINITE' } },
      { value: expected([1], 5) },
    ]);
  });

  it('says so as well where the logits of a prompt are not finite', async () => {
    const logprobs = { top: 1, prompt: true };
    const broken = fixture.add({ tokens: [3, 1], maxTokens: 0, logprobs });
    await expect(collect(broken)).rejects.toMatchObject({ code: 'LOGITS_NOT_FINITE' });
  });

  it('fails what is left when it is stopped, and hangs nobody', async () => {
    const requests = prompts.map((tokens) => fixture.add({ tokens, maxTokens: 90 }));
    await requests[0]?.tokens.next();
    await fixture.loop.stop();
    const answers = await Promise.allSettled(requests.map(collect));
    expect(answers.every((answer) => answer.status === 'rejected' && answer.reason.code === 'ENGINE_CLOSED')).toBe(
      true,
    );
    await fixture.loop.settled();
  });

  it('refuses a request that has waited longer than it wanted to, and notes when things happened', async () => {
    const [first] = [0, 1].map(() => fixture.add({ tokens: [1], maxTokens: 50 }));
    const late = fixture.add({ tokens: [2], maxTokens: 5, maxWaitMs: 30 });
    await first?.tokens.next();
    fixture.clock.time = 31;
    await expect(collect(late)).rejects.toMatchObject({ code: 'WAITED_TOO_LONG', retryable: true });
    expect(late.times).toEqual({ arrived: 0, finished: 31 });
    expect(late.state).toEqual({ kind: 'finished', how: 'failed' });
    await fixture.loop.settled();
    expect(first?.times).toEqual({ arrived: 0, admitted: 0, firstToken: 0, finished: 31 });
  });

  it('gives the slots of background requests to others, and finishes them afterwards', async () => {
    const background = [1, 2].map((token) => fixture.add({ tokens: [token], maxTokens: 30, class: 'background' }));
    for (const { tokens } of background) await tokens.next();
    const urgent = fixture.add({ tokens: [0, 1], maxTokens: 4 });
    expect(await collect(urgent)).toEqual(expected([0, 1], 4));
    expect(background.map(({ generated }) => generated < 30)).toEqual([true, true]);
    const [first, second] = await Promise.all(background.map(collect));
    expect([first, second]).toEqual([expected([1], 30).slice(1), expected([2], 30).slice(1)]);
    expect(fixture.stats.report().requests).toMatchObject({ preempted: 1, finished: 3 });
  });

  it('gives a small request its turn beside a large one of another caller', async () => {
    const large = Array.from({ length: 40 }, () => fixture.add({ tokens: [1], maxTokens: 5, key: 'large' }));
    await large[0]?.tokens.next();
    const small = fixture.add({ tokens: [2], maxTokens: 2, key: 'small' });
    await collect(small);
    expect(large.filter(({ generated }) => generated > 0).length).toBeLessThanOrEqual(4);
    await Promise.all(large.slice(1).map(collect));
  });

  it('lets invented users of one caller win nothing from another caller', async () => {
    const many = Array.from({ length: 40 }, (_, i) =>
      fixture.add({ tokens: [1], maxTokens: 5, key: 'large', user: `invented ${i}` }),
    );
    await many[0]?.tokens.next();
    await collect(fixture.add({ tokens: [2], maxTokens: 2, key: 'small' }));
    expect(many.filter(({ generated }) => generated > 0).length).toBeLessThanOrEqual(4);
    await Promise.all(many.slice(1).map(collect));
  });

  it('gives a user its turn beside another user of the same caller', async () => {
    const large = Array.from({ length: 40 }, () =>
      fixture.add({ tokens: [1], maxTokens: 5, key: 'gateway', user: 'large' }),
    );
    await large[0]?.tokens.next();
    await collect(fixture.add({ tokens: [2], maxTokens: 2, key: 'gateway', user: 'small' }));
    expect(large.filter(({ generated }) => generated > 0).length).toBeLessThanOrEqual(4);
    await Promise.all(large.slice(1).map(collect));
  });
});
