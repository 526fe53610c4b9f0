import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { fakeRank, messagesTo, testKey, type FakeRank } from '../../testing/fake-rank.ts';
import { groupHere, onAll } from '../../testing/group-here.ts';
import { freePort } from './free-port.ts';
import { decodeHeader, encodeHeader, headerBytes } from '../ring/frame.ts';
import { createKernels } from '../ring/ring-kernels.ts';
import { watchLimits } from '../members/watch.ts';
import { introduce } from './handshake.ts';
import { openTcp } from './open-tcp.ts';

const open: FakeRank[] = [];
afterEach(() => open.splice(0).forEach((fake) => fake.close()));

async function fake(...options: Parameters<typeof fakeRank>): Promise<FakeRank> {
  const made = await fakeRank(...options);
  open.push(made);
  return made;
}

const kernels = createKernels();
const signature = { sequence: 0, operation: 'allReduce sum', type: 'float32', total: 16, index: 0 } as const;
/** The frame that rank 0 expects first of an allReduce of four numbers. */
function goodFrame(): Buffer {
  const payload = Buffer.alloc(8, 1);
  return Buffer.concat([encodeHeader(signature, payload, kernels.checksum(payload)), payload]);
}

function changed(at: number, change: (byte: number) => number = (byte) => byte ^ 0x40): Buffer {
  const frame = goodFrame();
  frame[at] = change(frame[at] ?? 0);
  return frame;
}

describe.each(['system', 'node'] as const)('frames that are wrong, through the sockets of %s,', (plane) => {
  it.each<[string, Buffer, string]>([
    ['with a byte of the payload changed', changed(headerBytes + 3), 'the checksum of frame 0 is wrong'],
    ['with a byte of the header changed', changed(20), 'the checksum of a header is wrong'],
    ['that are none', Buffer.alloc(64, 0x41), 'it does not begin as a frame does'],
    [
      'that say they are longer than they may be',
      encodeHeader(signature, Buffer.alloc(1 << 20), 0),
      'frame 0 of 1048576 bytes in the place of frame 0 of 8',
    ],
    [
      'of another place',
      Buffer.concat([encodeHeader({ ...signature, index: 3 }, Buffer.alloc(8), 0)]),
      'frame 3 of 8 bytes',
    ],
  ])('%s are refused, and nothing of them is used', async (_, bytes, problem) => {
    const { group, send } = await fake({ plane });
    const values = Float32Array.of(1, 2, 3, 4);
    const reduced = group.allReduce(values);
    send(bytes);
    await expect(reduced).rejects.toMatchObject({ code: 'GROUP_FRAME_INVALID', details: { peer: 1 } });
    await expect(group.barrier()).rejects.toThrow(problem);
    expect([...values]).toEqual([1, 2, 3, 4]);
  });

  it.each([20, headerBytes + 3])('cut off after %i bytes are not used, and their sender is lost', async (length) => {
    const { group, send, die } = await fake({ plane, limits: { graceMs: 30 } });
    const values = Float32Array.of(1, 2, 3, 4);
    const reduced = group.allReduce(values);
    send(goodFrame().subarray(0, length));
    // WHY a turn: what is sent with the end may not arrive.
    await new Promise((resolve) => setImmediate(resolve));
    die();
    await expect(reduced).rejects.toMatchObject({ code: 'GROUP_RANK_LOST', details: { lost: 1 } });
    expect([...values]).toEqual([1, 2, 3, 4]);
  });

  it.each([
    ['before a frame', 'sending', 0],
    ['within a header', 'sending', 20],
    ['within a payload', 'sending', headerBytes + 3],
    ['on the other link', 'listening', 0],
  ] as const)(
    'that end %s, though their sender says on that all is well, lose it, and say so with what to do',
    async (_, link, length) => {
      const { group, send, control, hangUp } = await fake({ plane, limits: { ...watchLimits, graceMs: 30 } });
      const beats = setInterval(() => control.send({ kind: 'beat', at: [1] }), 10);
      try {
        const values = Float32Array.of(1, 2, 3, 4);
        const reduced = group.allReduce(values);
        send(goodFrame().subarray(0, length));
        hangUp(link);
        await expect(reduced).rejects.toThrow(
          /^Rank 1 was lost: its connection with rank 0 ended \(closed\)\. The group has ended\. .*--resume/,
        );
        await expect(group.barrier()).rejects.toMatchObject({ code: 'GROUP_RANK_LOST', details: { lost: 1 } });
        expect([...values]).toEqual([1, 2, 3, 4]);
      } finally {
        clearInterval(beats);
      }
    },
  );

  it('that end between two operations lose their sender with the next one', async () => {
    const { group, send, hangUp } = await fake({ plane, limits: { ...watchLimits, graceMs: 30 } });
    const values = Float32Array.of(1, 2, 3, 4);
    const reduced = group.allReduce(values);
    send(both());
    await reduced;
    hangUp('sending');
    await expect(group.barrier()).rejects.toMatchObject({ code: 'GROUP_RANK_LOST', details: { lost: 1 } });
  });

  it('that come a few bytes at a time are used', async () => {
    const { group, send } = await fake({ plane });
    const values = Float32Array.of(1, 2, 3, 4);
    const reduced = group.allReduce(values);
    const bytes = both();
    for (let start = 0; start < bytes.length; start += 7) {
      send(bytes.subarray(start, start + 7));
      await new Promise((resolve) => setImmediate(resolve));
    }
    await reduced;
    expect([...values]).toEqual([30, 40, 13, 24]);
  });

  /** Both frames that rank 0 expects: what rank 1 has of its sum, and the sum of the other half. */
  const both = (sequence = 0): Buffer =>
    Buffer.concat(
      [Float32Array.of(10, 20), Float32Array.of(30, 40)].map((values, index) => {
        const payload = Buffer.from(values.buffer);
        return Buffer.concat([
          encodeHeader({ ...signature, sequence, index }, payload, kernels.checksum(payload)),
          payload,
        ]);
      }),
    );

  it('are refused for this alone: the same without the fault are used', async () => {
    const { group, send } = await fake({ plane });
    const values = Float32Array.of(1, 2, 3, 4);
    const reduced = group.allReduce(values);
    send(both());
    await reduced;
    expect([...values]).toEqual([30, 40, 13, 24]);
  });

  it('of an operation before are refused', async () => {
    const { group, send } = await fake({ plane });
    const values = Float32Array.of(1, 2, 3, 4);
    const first = group.allReduce(values);
    send(both());
    await first;
    const before = [...values];
    const second = group.allReduce(values);
    send(both());
    await expect(second).rejects.toMatchObject({ code: 'GROUP_MISMATCH' });
    expect([...values]).toEqual(before);
    const again = await fake({ plane });
    const sums = [again.group.allReduce(values), again.group.allReduce(values)];
    again.send(Buffer.concat([both(0), both(1)]));
    await Promise.all(sums);
  });

  it('decode to what was encoded, and to nothing else', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 100 }),
        fc.nat(headerBytes - 1),
        fc.integer({ min: 1, max: 255 }),
        (payload, at, flip) => {
          const header = encodeHeader(signature, payload, 7);
          expect(decodeHeader(header)).toMatchObject({ ...signature, length: payload.length, checksum: 7 });
          header[at] = (header[at] ?? 0) ^ flip;
          expect(typeof decodeHeader(header)).toBe('string');
        },
      ),
    );
  });
});

describe('a rank', () => {
  const limits = { beatMs: 15, silenceMs: 120, behindMs: 60, graceMs: 30 };

  it('that says nothing is named by the others', async () => {
    const { group } = await fake({ limits });
    await expect(group.barrier()).rejects.toMatchObject({ code: 'GROUP_RANK_LOST', details: { lost: 1 } });
  });

  it('that dies is named by the others, and no operation begins after that', async () => {
    const { group, die } = await fake({ limits });
    die();
    await expect(group.barrier()).rejects.toThrow(
      /^Rank 1 was lost: its connection ended \(.*\)\. The group has ended\. Start all ranks again, with --resume where there are checkpoints\.$/,
    );
    await expect(group.allReduce(new Float32Array(1))).rejects.toMatchObject({ code: 'GROUP_RANK_LOST' });
  });

  it('that is heard but does not come is named, and lost after the time-out', async () => {
    const warnings: string[] = [];
    // WHY a clock of its own: on a busy machine both sides stand still together.
    let time = 0;
    const clock = { now: () => (time += 4) };
    const onWarning = (text: string): void => void warnings.push(text);
    const { group, control } = await fake({ limits, timeoutMs: 150, onWarning, clock });
    const beats = setInterval(() => control.send({ kind: 'beat', at: [0] }), 10);
    try {
      await expect(group.barrier()).rejects.toThrow(/^Rank 1 was lost: it has not come to operation 1 for/);
      expect(warnings[0]).toMatch(/^Waiting for rank 1, since \d+ s, at operation 1\.$/);
    } finally {
      clearInterval(beats);
    }
  });

  it('among three that vanishes is named by both others', async () => {
    const groups = await groupHere(3, { limits });
    const [, , last] = groups;
    const waits = Promise.allSettled(groups.slice(0, 2).map((group) => group.barrier()));
    await last?.abort('it has no rows');
    for (const result of await waits) {
      expect(result).toMatchObject({ status: 'rejected', reason: { code: 'GROUP_ABORTED', details: { aborted: 2 } } });
    }
    await onAll(groups, (group) => group.close());
  });
});

describe('one who wants to join', () => {
  /** A rank 0 that waits for rank 1, and for which nobody comes. */
  async function waiting(worldSize = 2) {
    const [port, ending, warnings] = [await freePort(), new AbortController(), [] as string[]];
    const opening = openTcp({
      rank: 0,
      worldSize,
      master: { host: '127.0.0.1', port },
      key: testKey,
      joinTimeoutMs: 5000,
      timeoutMs: 5000,
      signal: ending.signal,
      onWarning: (text) => warnings.push(text),
    });
    const ended = opening.catch((error: unknown) => error);
    return { port, warnings, end: async () => (ending.abort(new Error('enough')), ended) };
  }

  it.each([
    ['another key', { key: 'another key', who: { rank: 1, worldSize: 2 } }, /its key is another/],
    [
      'another world',
      { key: testKey, who: { rank: 1, worldSize: 3 } },
      /rank 1 is one of 3 processes, and rank 0 of 2/,
    ],
    ['a rank that there is not', { key: testKey, who: { rank: 2, worldSize: 2 } }, /a rank 2 is not expected among 2/],
    ['the rank of another', { key: testKey, who: { rank: 0, worldSize: 2 } }, /a rank 0 is not expected among 2/],
  ])('with %s is refused and told why', async (_, { key, who }, problem) => {
    const { port, warnings, end } = await waiting();
    const messages = await messagesTo(port);
    await expect(introduce(messages, key, { ...who, purpose: 'control' })).rejects.toThrow(problem);
    messages.link.close();
    expect(String(await end())).toContain('enough');
    expect(warnings.join()).toMatch(problem);
  });

  it('that answers with too much, with nonsense or with a wrong checksum is closed', async () => {
    const { port, warnings, end } = await waiting();
    for (const bytes of [
      Buffer.from('ffffffff00000000', 'hex'),
      Buffer.from('0200000000000000', 'hex'),
      Buffer.concat([Buffer.from('02000000', 'hex'), Buffer.alloc(4), Buffer.from('{}')]),
    ]) {
      const messages = await messagesTo(port);
      await messages.next();
      messages.link.socket.write(Buffer.concat([bytes, Buffer.alloc(10)]));
      await expect(messages.next()).rejects.toThrow(/closed|ECONN|EPIPE/);
    }
    await end();
    expect(warnings.join()).toMatch(/too long.*checksum.*checksum/);
  });

  it('finds out when the other does not have the key either', async () => {
    const [port, imposterKey] = [await freePort(), 'the key of an imposter'];
    const imposter = openTcp({
      rank: 0,
      worldSize: 2,
      master: { host: '127.0.0.1', port },
      key: imposterKey,
      joinTimeoutMs: 1000,
      timeoutMs: 5000,
    }).catch((error: unknown) => error);
    const joining = openTcp({
      rank: 1,
      worldSize: 2,
      master: { host: '127.0.0.1', port },
      key: testKey,
      joinTimeoutMs: 1000,
      timeoutMs: 5000,
    });
    await expect(joining).rejects.toMatchObject({ code: 'GROUP_REFUSED' });
    expect(await imposter).toMatchObject({
      code: 'GROUP_UNREACHABLE',
      message: expect.stringContaining('missing: 1') as string,
    });
  });

  it('learns that nobody is there, within the time', async () => {
    const joining = openTcp({
      rank: 1,
      worldSize: 2,
      master: { host: '127.0.0.1', port: await freePort() },
      key: testKey,
      joinTimeoutMs: 120,
      timeoutMs: 5000,
    });
    await expect(joining).rejects.toMatchObject({ code: 'GROUP_UNREACHABLE' });
  });
});
