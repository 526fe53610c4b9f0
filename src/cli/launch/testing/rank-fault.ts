/** How a rank is lost: it is killed, stands still, or lives on without a network. */
export type FaultSignal = 'SIGKILL' | 'SIGSTOP' | typeof cutSignal;

/** The signal at which `rank-program` loses its network. */
export const cutSignal = 'SIGUSR2';

/** What happens to a rank of a test. */
export interface RankFault {
  /** The sum over all ranks, counted from 1, before which it sends itself the signal. Two of them are a step. */
  readonly at: number;
  readonly signal: FaultSignal;
}

const variable = 'RANK_FAULT';

/** The environment by which a rank is told of its fault. */
export function faultEnvironment(fault: RankFault): Readonly<Record<string, string>> {
  return { [variable]: JSON.stringify(fault) };
}

export function faultOf(environment: NodeJS.ProcessEnv): RankFault | undefined {
  const text = environment[variable];
  // WHY as: it is written by `faultEnvironment`.
  return text === undefined ? undefined : (JSON.parse(text) as RankFault);
}
