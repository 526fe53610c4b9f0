import type { GroupEnvironment } from './group-settings.ts';

export interface LaunchOptions {
  /** Processes on this machine. */
  readonly processes: number;
  /** Machines with as many processes each. */
  readonly nodes: number;
  /** The number of this machine, from 0. */
  readonly nodeRank: number;
  readonly master: { readonly host: string; readonly port: number };
  /** undefined: what the environment says. */
  readonly key: string | undefined;
}

/** The environment of each process that is started here, beside that of the caller. Pure function. */
export function launchEnvironments({ processes, nodes, nodeRank, master, key }: LaunchOptions): GroupEnvironment[] {
  return Array.from({ length: processes }, (_, localRank) => ({
    RANK: String(nodeRank * processes + localRank),
    LOCAL_RANK: String(localRank),
    WORLD_SIZE: String(nodes * processes),
    LOCAL_WORLD_SIZE: String(processes),
    MASTER_ADDR: master.host,
    MASTER_PORT: String(master.port),
    ...(key !== undefined && { ESPALIER_GROUP_KEY: key }),
  }));
}
