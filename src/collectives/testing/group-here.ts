import { ProcessGroup } from '../process-group.ts';
import { freePort } from '../transport/tcp/free-port.ts';
import { openTcp, type TcpOptions } from '../transport/tcp/open-tcp.ts';

/** The ranks of a group over TCP, all in this process. */
export async function groupHere(worldSize: number, options: Partial<TcpOptions> = {}): Promise<ProcessGroup[]> {
  const master = { host: '127.0.0.1', port: await freePort() };
  const common = { worldSize, master, key: 'a key of this test', joinTimeoutMs: 10_000, timeoutMs: 60_000, ...options };
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
