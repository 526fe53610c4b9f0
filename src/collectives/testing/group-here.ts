import { ProcessGroup } from '../process-group.ts';
import type { Patience } from '../transport/tcp/direct-plane.ts';
import { freePort } from '../transport/tcp/free-port.ts';
import { openTcp, type TcpOptions } from '../transport/tcp/open-tcp.ts';

/** WHY another: ranks that share a thread must not wait in it for each other. */
const patience: Patience = { turnMs: 0, sliceMs: 0, eagerMs: 5, idleMs: 5 };

/** The ranks of a group over TCP, all in this process; through Node's streams, which share a thread well, unless told otherwise. */
export async function groupHere(worldSize: number, options: Partial<TcpOptions> = {}): Promise<ProcessGroup[]> {
  const master = { host: '127.0.0.1', port: await freePort() };
  const times = { joinTimeoutMs: 10_000, timeoutMs: 60_000 };
  const common = {
    worldSize,
    master,
    key: 'a key of this test',
    ...times,
    plane: 'node',
    patience,
    ...options,
  } as const;
  const opened = Array.from({ length: worldSize }, async (_, rank) => openTcp({ ...common, rank }));
  return (await Promise.all(opened)).map((transport) => new ProcessGroup(transport));
}

/** Runs the same on all ranks at once. */
export function onAll<Result>(
  groups: readonly ProcessGroup[],
  run: (group: ProcessGroup) => Promise<Result>,
): Promise<Result[]> {
  return Promise.all(groups.map(run));
}
