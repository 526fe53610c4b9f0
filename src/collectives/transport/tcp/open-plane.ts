import type { Probes } from '../members/watch.ts';
import type { DataPlane, PlaneParts } from './data-plane.ts';
import { DirectPlane, type Patience } from './direct-plane.ts';
import { StreamPlane } from './stream-plane.ts';
import { StreamSockets } from './stream-sockets.ts';

export interface PlaneChoice {
  /** Of both connections. Where the system's calls are not at hand, they are those of Node. */
  readonly probes: Probes;
  /** Default: that of the system wherever it can be. */
  readonly plane?: DataPlane['name'] | undefined;
  /** Of that of the system. */
  readonly patience?: Patience | undefined;
}

/** The plane for two links: the system's calls on Linux without TLS, and Node's streams everywhere else. */
export function openPlane(parts: PlaneParts, { plane = 'system', patience, probes }: PlaneChoice): DataPlane {
  const { before, behind } = parts;
  const [from, to] = [before.link.handle, behind.link.handle];
  const sockets = StreamSockets.open();
  if (from === undefined || to === undefined || sockets === undefined) return new StreamPlane(parts);
  for (const { fd } of [from, to]) probe(sockets, fd, probes);
  if (plane === 'node') return new StreamPlane(parts);
  return new DirectPlane(parts, { from, to, sockets, patience });
}

function probe(sockets: StreamSockets, descriptor: number, probes: Probes): void {
  sockets.set(descriptor, 'probesAfterSeconds', probes.probesAfterSeconds);
  sockets.set(descriptor, 'secondsBetweenProbes', probes.secondsBetweenProbes);
  sockets.set(descriptor, 'probes', probes.probes);
}
