import { describe, expect, it } from 'vitest';
import type { AdapterEvent, AdapterEventKind } from '../../core/index.ts';
import { VersionSpans } from './version-spans.ts';

const event = (kind: AdapterEventKind, rest: Partial<AdapterEvent> = {}): AdapterEvent => {
  return { event: kind, time: 100, actor: 'store', result: 'done', name: 'a', version: 'v1', ...rest };
};
const used = { name: 'a', version: 'v1' };

describe('the spans behind a request', () => {
  it('are the last check, publication and attachment of its version under its name', () => {
    const spans = new VersionSpans<number>();
    const told = [event('verify'), event('publish'), event('load'), event('publish', { name: 'b' }), event('replace')];
    for (const [at, one] of told.entries()) spans.heard(one, at);
    expect(spans.behind(used, 0).map(({ name, context }) => [name, context])).toEqual([
      ['adapter.verify', 0],
      ['adapter.publish', 1],
      ['device.attach', 4],
    ]);
    expect(spans.behind({ name: 'b', version: 'v1' }, 0).map(({ context }) => context)).toEqual([0, 3]);
    expect(spans.behind({ name: 'a', version: 'v2' }, 0)).toEqual([]);
  });

  it('have the reading of the weights among them only where the request has waited for it', () => {
    const spans = new VersionSpans<string>();
    const { name: _, ...nameless } = event('resident', { time: 500 });
    spans.heard(nameless, 'reading');
    expect(spans.behind(used, 500)).toMatchObject([{ name: 'adapter.resident', context: 'reading' }]);
    expect(spans.behind(used, 501)).toEqual([]);
  });

  it('are not those of what was refused or failed, or of other events', () => {
    const spans = new VersionSpans<number>();
    spans.heard(event('verify', { result: 'refused' }), 1);
    spans.heard(event('load', { result: 'failed' }), 2);
    spans.heard(event('unload'), 3);
    spans.heard(event('pin'), 4);
    expect(spans.behind(used, 0)).toEqual([]);
  });

  it('stay bounded, and those told last stay', () => {
    const spans = new VersionSpans<number>();
    for (let at = 0; at < 20_000; at++) spans.heard(event('load', { version: `v${at}` }), at);
    const of = (at: number) => spans.behind({ name: 'a', version: `v${at}` }, 0).map(({ context }) => context);
    expect([of(3615), of(3616), of(19_999)]).toEqual([[], [3616], [19_999]]);
  });
});

describe('a publication and an attachment', () => {
  it.each([
    ['publish', ['adapter.verify']],
    ['load', ['adapter.verify']],
    ['rollback', ['adapter.verify']],
    ['verify', []],
    ['unload', []],
    ['rollout', []],
  ] as const)('%s follows %j', (kind, names) => {
    const spans = new VersionSpans<number>();
    spans.heard(event('verify'), 1);
    spans.heard(event('load'), 2);
    expect(spans.check(event(kind)).map(({ name }) => name)).toEqual(names);
  });
});
