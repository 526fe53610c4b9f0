import { openAsBlob } from 'node:fs';
import { basename } from 'node:path';
import { z } from 'zod';
import { askServer, type AskedOfServer, type ServerAddress } from './server-requests.ts';

const job = z.looseObject({
  id: z.string(),
  status: z.string(),
  model: z.string(),
  created_at: z.number(),
  finished_at: z.number().nullable(),
  fine_tuned_model: z.string().nullable(),
  training_file: z.string(),
  validation_file: z.string().nullable(),
  trained_tokens: z.number().nullable(),
  seed: z.number(),
  hyperparameters: z.looseObject({
    n_epochs: z.number(),
    batch_size: z.number(),
    learning_rate_multiplier: z.number(),
  }),
  error: z.looseObject({ code: z.string(), message: z.string() }).nullable(),
  adapter: z.string().nullish(),
});

/** A fine-tuning job as a server tells it. */
export type RemoteJob = z.output<typeof job>;

const event = z.looseObject({ id: z.string(), created_at: z.number(), level: z.string(), message: z.string() });

/** An event of a job as a server tells it. */
export type RemoteJobEvent = z.output<typeof event>;

const checkpoint = z.looseObject({ id: z.string(), step_number: z.number() });

const file = z.looseObject({ id: z.string() });
const models = z.looseObject({ data: z.array(z.looseObject({ id: z.string(), parent: z.string().nullable() })) });

/** The most that a page of a list has. */
const pageLength = 100;

/** A client of `/v1/fine_tuning/jobs` and `/v1/files`, as the command line uses it. */
export class JobClient {
  readonly #address: ServerAddress;

  constructor(address: ServerAddress) {
    this.#address = address;
  }

  /** The newest first, all of them. @throws EspalierError SERVER_UNREACHABLE, SERVER_REFUSED */
  list(): Promise<readonly RemoteJob[]> {
    return this.#all('/v1/fine_tuning/jobs', job);
  }

  get(id: string): Promise<RemoteJob> {
    return this.#ask(job, { method: 'GET', path: pathOf(id) });
  }

  /** Sends a file of rows as it is read from the disk. @returns its id */
  async upload(path: string): Promise<string> {
    const body = new FormData();
    body.append('purpose', 'fine-tune');
    body.append('file', await openAsBlob(path), basename(path));
    return (await this.#ask(file, { method: 'POST', path: '/v1/files', body })).id;
  }

  /** The name of the base that is served. */
  async baseName(): Promise<string | undefined> {
    const { data } = await this.#ask(models, { method: 'GET', path: '/v1/models' });
    return data.find(({ parent }) => parent === null)?.id;
  }

  create(body: Readonly<Record<string, unknown>>): Promise<RemoteJob> {
    return this.#ask(job, { method: 'POST', path: '/v1/fine_tuning/jobs', body });
  }

  command(id: string, what: 'cancel' | 'pause' | 'resume'): Promise<RemoteJob> {
    return this.#ask(job, { method: 'POST', path: `${pathOf(id)}/${what}` });
  }

  /** The oldest first, all of them. */
  async events(id: string): Promise<readonly RemoteJobEvent[]> {
    return (await this.#all(`${pathOf(id)}/events`, event)).toReversed();
  }

  /** The newest first. */
  checkpoints(id: string): Promise<readonly z.output<typeof checkpoint>[]> {
    return this.#all(`${pathOf(id)}/checkpoints`, checkpoint);
  }

  async #all<Item extends z.ZodType<{ readonly id: string }>>(path: string, item: Item): Promise<z.output<Item>[]> {
    const page = z.looseObject({ data: z.array(item), has_more: z.boolean() });
    const items: z.output<Item>[] = [];
    for (;;) {
      const last = items.at(-1);
      const after = last === undefined ? '' : `&after=${encodeURIComponent(last.id)}`;
      const { data, has_more: hasMore } = await this.#ask(page, {
        method: 'GET',
        path: `${path}?limit=${pageLength}${after}`,
      });
      items.push(...data);
      if (!hasMore || data.length === 0) return items;
    }
  }

  #ask<Schema extends z.ZodType>(schema: Schema, asked: AskedOfServer): Promise<z.output<Schema>> {
    return askServer(this.#address, schema, asked);
  }
}

function pathOf(id: string): string {
  return `/v1/fine_tuning/jobs/${encodeURIComponent(id)}`;
}
