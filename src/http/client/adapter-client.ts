import { openAsBlob } from 'node:fs';
import { basename } from 'node:path';
import { z } from 'zod';
import { askServer, type AskedOfServer, type ServerAddress } from './server-requests.ts';

export type AdapterClientOptions = ServerAddress;

const move = z.looseObject({
  version: z.string(),
  time: z.string(),
  by: z.string(),
  reason: z.string().nullable(),
});

const shard = z.looseObject({
  tensor: z.string(),
  file_offset: z.number().nullable(),
  address: z.string().nullable(),
  bytes: z.number(),
  aligned_bytes: z.number(),
});

const adapter = z.looseObject({
  name: z.string(),
  state: z.string(),
  version: z.string().nullable(),
  rank: z.number().nullable(),
  bytes: z.number().nullable(),
  resident: z.boolean(),
  leases: z.number(),
  requests: z.number(),
  draining: z.boolean(),
  pinned: z.looseObject({ by: z.string(), reason: z.string().nullable(), weights: z.boolean() }).nullable(),
  fallback: z.looseObject({ answers: z.string(), declared: z.boolean() }).nullable(),
  problem: z.string().optional(),
  // WHY optional: an older server does not tell them.
  shards: z.array(shard).nullable().optional(),
  history: z.array(move).optional(),
});

/** An adapter as a server tells it. */
export type RemoteAdapter = z.output<typeof adapter>;

const calls = z.looseObject({ calls: z.number(), failures: z.number() });

const rollout = z.looseObject({
  id: z.string(),
  name: z.string(),
  stable: z.string(),
  candidate: z.string(),
  phase: z.string(),
  reason: z.string().nullable(),
  step: z.number(),
  steps: z.array(z.looseObject({ share: z.number(), mirror: z.number() })),
  candidate_calls: calls,
  stable_calls: calls,
  mirrored: z.looseObject({
    requests: z.number(),
    divergence: z.number().nullable(),
    agreement: z.number().nullable(),
  }),
});

/** A roll-out as a server tells it. */
export type RemoteRollout = z.output<typeof rollout>;

const noise = z.looseObject({
  name: z.string(),
  running: z.looseObject({ version: z.string(), wanted: z.number(), samples: z.number() }).nullable(),
  floor: z
    .looseObject({
      version: z.string(),
      samples: z.number(),
      divergence: z.number(),
      agreement: z.number(),
      entropy: z.number(),
      time: z.string(),
    })
    .nullable(),
});

/** What a server knows of the noise of a name. */
export type RemoteNoise = z.output<typeof noise>;

const rolloutList = z.looseObject({ data: z.array(rollout) });

/** What is asked of the roll-out of one name. */
export interface RolloutAsked {
  readonly name: string;
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  readonly body?: Readonly<Record<string, unknown>>;
  readonly expected?: string | undefined;
}

const list = z.looseObject({ data: z.array(adapter) });
const removed = z.looseObject({ name: z.string(), deleted: z.literal(true) });

/** A change of one name. */
export interface RemoteChange {
  readonly name: string;
  /** The last part of the route; undefined for the name itself. */
  readonly action?: 'publish' | 'rollback' | 'pin' | 'unpin' | 'drain' | 'resume' | undefined;
  readonly body: Readonly<Record<string, unknown>>;
  /** The version that the name must have. */
  readonly expected?: string | undefined;
}

const uploaded = z.looseObject({ name: z.string(), version: z.string(), published: z.boolean() });

/** What a server has made of an upload. */
export type RemoteVersion = z.output<typeof uploaded>;

/** The files of an adapter for a server. */
export interface RemoteUpload {
  readonly name: string;
  /** Paths on this machine. */
  readonly files: readonly string[];
  /** Whether the name is pointed to the version. */
  readonly isPublished: boolean;
  readonly reason?: string | undefined;
  readonly expected?: string | undefined;
}

/** A client of `/v1/adapters`, as the command line uses it. */
export class AdapterClient {
  readonly #options: AdapterClientOptions;

  constructor(options: AdapterClientOptions) {
    this.#options = options;
  }

  /** @throws EspalierError SERVER_UNREACHABLE, SERVER_REFUSED */
  async list(): Promise<readonly RemoteAdapter[]> {
    return (await this.#ask(list, { method: 'GET', path: '' })).data;
  }

  /** One name, with its history. */
  get(name: string): Promise<RemoteAdapter> {
    return this.#ask(adapter, { method: 'GET', path: pathOf(name) });
  }

  change({ name, action, body, expected }: RemoteChange): Promise<RemoteAdapter> {
    const path = `${pathOf(name)}/${action}`;
    return this.#ask(adapter, { method: 'POST', path, body, expected });
  }

  /** Changes what holds for a name whichever version it has. */
  set({ name, body, expected }: Omit<RemoteChange, 'action'>): Promise<RemoteAdapter> {
    return this.#ask(adapter, { method: 'PATCH', path: pathOf(name), body, expected });
  }

  remove({ name, body, expected }: Omit<RemoteChange, 'action'>): Promise<{ readonly name: string }> {
    return this.#ask(removed, { method: 'DELETE', path: pathOf(name), body, expected });
  }

  rollout({ name, method, body, expected }: RolloutAsked): Promise<RemoteRollout> {
    return this.#ask(rollout, { method, path: `${pathOf(name)}/rollout`, body, expected });
  }

  noise({ name, method, body, expected }: RolloutAsked): Promise<RemoteNoise> {
    return this.#ask(noise, { method, path: `${pathOf(name)}/noise`, body, expected });
  }

  async rollouts(): Promise<readonly RemoteRollout[]> {
    return (await this.#ask(rolloutList, { method: 'GET', path: '', of: 'rollouts' })).data;
  }

  /** Sends files as they are read from the disk. */
  async upload({ name, files, isPublished, reason, expected }: RemoteUpload): Promise<RemoteVersion> {
    const body = new FormData();
    body.append('name', name);
    body.append('publish', String(isPublished));
    if (reason !== undefined) body.append('reason', reason);
    for (const path of files) body.append('file', await openAsBlob(path), basename(path));
    return this.#ask(uploaded, { method: 'POST', path: '', body, expected });
  }

  #ask<Schema extends z.ZodType>(
    schema: Schema,
    { of = 'adapters', path, ...asked }: Asked,
  ): Promise<z.output<Schema>> {
    return askServer(this.#options, schema, { ...asked, path: `/v1/${of}${path}` });
  }
}

interface Asked extends AskedOfServer {
  /** Default: `adapters`. */
  readonly of?: 'adapters' | 'rollouts';
}

function pathOf(name: string): string {
  return `/${encodeURIComponent(name)}`;
}
