import { afterEach, describe, expect, it } from 'vitest';

import type { AppliedAdapter } from './adapters/adapter-window.ts';
import type { SequenceAdapters } from './adapters/sequence-adapters.ts';
import { breathe, EspalierError } from '../core/index.ts';
import { collect, expected, LoopFixture } from './testing/loop-fixture.ts';

/** Adapters that become active when the test says so. */
class AdaptersDouble implements SequenceAdapters {
  readonly named = [];
  applied: readonly AppliedAdapter[] = [];
  isActive = false;
  activations = 0;
  releases = 0;
  #end: { resolve(): void; reject(error: unknown): void } | undefined;

  activate(): Promise<void> {
    this.activations++;
    return new Promise((resolve, reject) => {
      this.#end = { resolve, reject };
    });
  }

  comeIn(start = 1): void {
    this.applied = [{ rows: { start, end: start + 1 }, scale: 1 }];
    this.isActive = true;
    this.#end?.resolve();
  }

  fail(error: unknown): void {
    this.#end?.reject(error);
  }

  release(): void {
    this.releases++;
  }
}

describe('EngineLoop, with adapters that come in while others run', () => {
  let fixture = new LoopFixture();
  afterEach(async () => {
    await fixture.loop.stop();
    fixture = new LoopFixture();
  });

  it('runs no sequence before its adapters are active, and wakes when they are', async () => {
    const adapters = new AdaptersDouble();
    const request = fixture.add({ tokens: [1], maxTokens: 3 }, adapters);
    expect(await collect(fixture.add({ tokens: [2], maxTokens: 9 }))).toEqual(expected([2], 9));
    expect([request.generated, adapters.activations]).toEqual([0, 1]);
    adapters.comeIn();
    expect(await collect(request)).toEqual(expected([1], 3));
    expect([adapters.activations, adapters.releases]).toEqual([1, 1]);
  });

  it('lets none that is not active hold up those behind it, and activates a few ahead of the free slots', async () => {
    const all = Array.from({ length: 12 }, () => new AdaptersDouble());
    const stuck = all.map((adapters) => fixture.add({ tokens: [1], maxTokens: 2 }, adapters));
    const answers = [2, 0, 1].map((token) => fixture.add({ tokens: [token], maxTokens: 4 }));
    expect(await Promise.all(answers.map(collect))).toEqual([2, 0, 1].map((token) => expected([token], 4)));
    // Two slots and four more.
    expect(all.map(({ activations }) => activations)).toEqual([1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0]);
    for (const [place, request] of stuck.entries()) {
      all[place]?.comeIn();
      expect(await collect(request)).toEqual(expected([1], 2));
    }
    expect(all.map(({ activations, releases }) => [activations, releases])).toEqual(all.map(() => [1, 1]));
  });

  it('fails a sequence alone whose adapters cannot be had', async () => {
    const adapters = [new AdaptersDouble(), new AdaptersDouble()];
    const [failed, other] = adapters.map((own) => fixture.add({ tokens: [1], maxTokens: 3 }, own));
    await breathe();
    adapters[0]?.fail(new EspalierError('ADAPTERS_OFF', { name: 'late' }));
    adapters[1]?.comeIn();
    if (!failed || !other) throw new RangeError('two requests were added');
    await expect(collect(failed)).rejects.toMatchObject({ code: 'ADAPTERS_OFF' });
    expect(await collect(other)).toEqual(expected([1], 3));
    expect(adapters.map(({ releases }) => releases)).toEqual([1, 1]);
    expect(fixture.stats.report().requests).toMatchObject({ failed: 1, finished: 1 });
  });

  it('releases the adapters of a sequence that leaves before they are active, once', async () => {
    const [adapters, controller] = [new AdaptersDouble(), new AbortController()];
    const request = fixture.add({ tokens: [1], maxTokens: 3, signal: controller.signal }, adapters);
    await breathe();
    controller.abort(new Error('client gone'));
    await expect(collect(request)).rejects.toThrow('client gone');
    await fixture.loop.settled();
    adapters.fail(new Error('too late'));
    expect(await collect(fixture.add({ tokens: [2], maxTokens: 2 }))).toEqual(expected([2], 2));
    expect(adapters.releases).toBe(1);
    const left = new AdaptersDouble();
    const last = fixture.add({ tokens: [1], maxTokens: 3 }, left);
    await fixture.loop.stop();
    await expect(collect(last)).rejects.toMatchObject({ code: 'ENGINE_CLOSED' });
    expect(left.releases).toBe(1);
  });

  it('reads what is applied anew for each run, after it was settled', async () => {
    const adapters = new AdaptersDouble();
    let moves = 0;
    let isRunning = false;
    fixture.runner.onRun = (run) => {
      isRunning = run === 'begin';
    };
    fixture.settle = async () => {
      await breathe();
      expect(isRunning).toBe(false);
      if (adapters.isActive) adapters.comeIn(++moves);
    };
    const request = fixture.add({ tokens: [1, 1, 1, 1, 1, 1], maxTokens: 5 }, adapters);
    await breathe();
    adapters.comeIn();
    expect(await collect(request)).toEqual(expected([1, 1, 1, 1, 1, 1], 5));
    const starts = fixture.runner.applied.map(([own]) => own?.[0]?.rows.start);
    expect(starts).toHaveLength(6);
    expect(starts).toEqual(starts.map((_, run) => (starts[0] ?? 0) + run));
  });
});
