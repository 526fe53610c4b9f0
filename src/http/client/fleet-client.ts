import { z } from 'zod';
import { askServer, type ServerAddress } from './server-requests.ts';

const text = z.string().nullable();
const problem = z.looseObject({ code: text, message: z.string() });
const changed = z.looseObject({ by: z.string(), reason: text, time: text });

const row = z.looseObject({
  name: z.string(),
  kind: z.string(),
  note: text,
  declared: z
    .looseObject({
      version: z.string(),
      rollout: z.string(),
      canary: z.looseObject({ digest: z.string(), share: z.number() }).nullable(),
    })
    .nullable(),
  live: z
    .looseObject({
      version: text,
      rollout: z.looseObject({ candidate: z.string(), phase: z.string(), share: z.number() }).nullable(),
      changed: changed.nullable(),
    })
    .nullable(),
});

const state = z.looseObject({ commit: z.string(), author: text, subject: text, time: text });

const fleet = z.looseObject({
  sync: z.string(),
  source: text,
  applied: z.looseObject({ ...state.shape, source: z.string(), applied_at: text }).nullable(),
  head: state.nullable(),
  refused: z.looseObject({ commit: z.string(), author: text, subject: text, since: text, error: problem }).nullable(),
  unreachable: z.looseObject({ since: text, error: problem }).nullable(),
  paused: z.looseObject({ by: z.string(), reason: text, time: text }).nullable(),
  problem: problem.nullable(),
  age_seconds: z.number().nullable(),
  /** Servers of before this field say nothing. */
  looking_seconds: z.number().nullable().default(null),
  rows: z.array(row),
});

/** How a fleet stands, as a server tells it. */
export type RemoteFleet = z.output<typeof fleet>;

const plan = z.looseObject({
  changes: z.number(),
  rows: z.array(row),
  moves: z.array(z.looseObject({ name: z.string(), from: text, to: text })),
  missing: z.array(z.string()).default([]),
});

/** What a manifest would change, or has changed. */
export type RemotePlan = z.output<typeof plan>;

/** A client of `/v1/fleet`, as the command line uses it. */
export class FleetClient {
  readonly #address: ServerAddress;

  constructor(address: ServerAddress) {
    this.#address = address;
  }

  /** @throws EspalierError SERVER_UNREACHABLE, SERVER_REFUSED */
  status(): Promise<RemoteFleet> {
    return askServer(this.#address, fleet, { method: 'GET', path: '/v1/fleet' });
  }

  diff(manifest: string): Promise<RemotePlan> {
    return askServer(this.#address, plan, { method: 'POST', path: '/v1/fleet/diff', body: { manifest } });
  }

  apply(manifest: string): Promise<RemotePlan> {
    return askServer(this.#address, plan, { method: 'POST', path: '/v1/fleet/apply', body: { manifest } });
  }

  pause(reason: string | undefined): Promise<RemoteFleet> {
    return this.#change('pause', reason);
  }

  resume(reason: string | undefined): Promise<RemoteFleet> {
    return this.#change('resume', reason);
  }

  #change(what: 'pause' | 'resume', reason: string | undefined): Promise<RemoteFleet> {
    const body = reason === undefined ? {} : { reason };
    return askServer(this.#address, fleet, { method: 'POST', path: `/v1/fleet/${what}`, body });
  }
}
