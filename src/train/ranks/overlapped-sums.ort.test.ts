import { AsyncLocalStorage } from 'node:async_hooks';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { ProcessGroup } from '../../collectives/index.ts';
import { groupHere } from '../../collectives/testing/group-here.ts';
import { freePort } from '../../collectives/transport/tcp/free-port.ts';
import { openTcp } from '../../collectives/transport/tcp/open-tcp.ts';
import { liveHandles } from '../../native/index.ts';
import { openEnvironment, type Environment } from '../../onnxruntime/index.ts';
import { loadSafetensors, toFloat32 } from '../../tensor/index.ts';
import { resolveConfig } from '../config/resolve-config.ts';
import { LossSession } from '../graph/loss-session.ts';
import { marksAreOrdered } from '../graph/written-marks.ts';
import { runTraining } from '../loop/run-training.ts';
import { loadGolden } from '../testing/golden.ts';

let environment: Environment;
let folder: string;
beforeAll(() => {
  environment = openEnvironment({ threads: 1 });
});
afterAll(() => environment.dispose());
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'espalier-overlapped-'));
});
afterEach(async () => {
  vi.restoreAllMocks();
  await rm(folder, { recursive: true, force: true });
});

/** Small buckets, so that a small model has many. */
const bucketBytes = 256;

/** Different rows of different lengths, long enough for several looks at a pass. */
const rowTexts = Array.from({ length: 192 }, (_, row) =>
  JSON.stringify({
    input_ids: Array.from({ length: 60 + ((row * 37) % 61) }, (__, i) => 3 + ((7 * row + (3 + (row % 4)) * i) % 40)),
  }),
);

interface Asked {
  readonly name: string;
  readonly batchSize: number;
  readonly group?: ProcessGroup;
  readonly overlap?: boolean;
  readonly recompute?: boolean;
}

async function train({ name, batchSize, group, overlap = true, recompute = false }: Asked): Promise<string> {
  const golden = await loadGolden('llama');
  const data = join(folder, 'rows.jsonl');
  await writeFile(data, `${rowTexts.join('\n')}\n`);
  const output = join(folder, name);
  const common = {
    base: golden.base,
    data,
    output,
    rank: 4,
    seed: 3,
    maxSteps: 3,
    learningRate: 1e-2,
    optimizer: 'sgd',
  };
  const config = resolveConfig({ flags: { ...common, batchSize, recompute } });
  const options = { environment, sums: { bucketBytes, overlap }, ...(group && { group }) };
  await rank.run(group?.rank ?? 0, () => runTraining(config, options));
  return output;
}

/** Which rank's training the code belongs to that runs. */
const rank = new AsyncLocalStorage<number>();

const [sumBegins, passEnds, countsBegin] = ['sum', 'end of a pass', 'counts'];

/**
 * Watches the steps of a rank: its sums of gradients and of counts, and the ends of its passes.
 * @param onEarly  is called when a sum of gradients has begun before the pass of its step has ended
 */
function watchSums(group: ProcessGroup, onEarly: () => void): void {
  const notes: string[] = [];
  const allReduce = group.allReduce.bind(group);
  group.allReduce = (values, op) => {
    // Only gradients are numbers of 32 bits.
    notes.push(values instanceof Float32Array ? sumBegins : countsBegin);
    const sum = allReduce(values, op);
    if (notes.at(-1) === sumBegins && !notes.slice(notes.lastIndexOf(countsBegin) + 1).includes(passEnds)) onEarly();
    return sum;
  };
  // oxlint-disable-next-line typescript/unbound-method
  const run = LossSession.prototype.run;
  vi.spyOn(LossSession.prototype, 'run').mockImplementation(async function (this: LossSession, ...given) {
    try {
      return await run.apply(this, given);
    } finally {
      if (given[2] !== undefined && rank.getStore() === group.rank) notes.push(passEnds);
    }
  });
}

async function weightsOf(output: string): Promise<Map<string, Float32Array>> {
  const { tensors } = await loadSafetensors(join(output, 'adapter_model.safetensors'));
  return new Map([...tensors].map(([name, tensor]) => [name, toFloat32(tensor) as Float32Array]));
}

describe.runIf(marksAreOrdered)('two ranks whose sums begin while their passes go on', () => {
  it.each([false, true])(
    'take the steps of one process with the batch of both, with recompute %s',
    async (recompute) => {
      const together = async (name: string, overlap: boolean): Promise<number> => {
        const groups = await groupHere(2);
        let early = 0;
        for (const group of groups.slice(0, 1)) watchSums(group, () => (early += 1));
        await Promise.all(groups.map((group) => train({ name, batchSize: 32, group, overlap, recompute })));
        await Promise.all(groups.map((group) => group.close()));
        vi.restoreAllMocks();
        return early;
      };
      expect(await together('with', true)).toBeGreaterThan(0);
      expect(await together('without', false)).toBe(0);
      const one = await weightsOf(await train({ name: 'one', batchSize: 64, recompute }));
      const many = await weightsOf(join(folder, 'with'));
      expect(many).toEqual(await weightsOf(join(folder, 'without')));
      expect(many.size).toBeGreaterThan(8);
      for (const [name, values] of many) {
        const other = one.get(name);
        values.forEach((value, i) => expect(Math.abs(value - (other?.[i] ?? NaN))).toBeLessThan(1e-6));
      }
    },
  );

  it('name the one that is lost during a sum while the pass goes on, and leave nothing behind', async () => {
    const before = liveHandles();
    const { groups, cut } = await twoWithAWay();
    const [first, second] = groups;
    let cuts = 0;
    watchSums(first, () => {
      if ((cuts += 1) === 1) cut();
    });
    const results = await Promise.allSettled(
      [first, second].map(async (group) => {
        try {
          return await train({ name: 'lost', batchSize: 32, group });
        } finally {
          await group.close();
        }
      }),
    );
    expect(cuts).toBeGreaterThan(0);
    expect(results).toMatchObject([
      { status: 'rejected', reason: { code: 'GROUP_RANK_LOST', details: { lost: 1 } } },
      { status: 'rejected', reason: { code: 'GROUP_RANK_LOST', details: { lost: 0 } } },
    ]);
    expect(await readdir(folder)).toEqual(['rows.jsonl']);
    expect(liveHandles()).toEqual(before);
  });
});

/** Two ranks, of which the second reaches the first by a way that can be cut. */
async function twoWithAWay(): Promise<{ groups: [ProcessGroup, ProcessGroup]; cut: () => void }> {
  const sockets: Socket[] = [];
  const master = { host: '127.0.0.1', port: await freePort() };
  const way: Server = createServer((socket) => {
    const other = connect(master);
    sockets.push(socket, other);
    for (const each of [socket, other]) each.on('error', () => undefined);
    socket.pipe(other).pipe(socket);
  });
  await new Promise<void>((resolve) => way.listen(0, '127.0.0.1', resolve));
  const common = {
    worldSize: 2,
    key: 'a key of this test',
    joinTimeoutMs: 10_000,
    timeoutMs: 60_000,
    plane: 'node',
  } as const;
  const { port } = way.address() as AddressInfo;
  const [first, second] = await Promise.all([
    openTcp({ ...common, rank: 0, master }),
    openTcp({ ...common, rank: 1, master: { host: '127.0.0.1', port } }),
  ]);
  const cut = (): void => {
    for (const socket of sockets) socket.destroy();
    way.close();
  };
  return { groups: [new ProcessGroup(first), new ProcessGroup(second)], cut };
}
