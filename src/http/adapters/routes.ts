import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { Clock } from '../../core/index.ts';
import { type AdapterControl, type AdapterInfo, assertAdapterName, type MoveOptions } from '../../routing/index.ts';
import { parseBody } from '../openai/parse-body.ts';
import { adapterJson, adapterWithHistory } from './adapter-json.ts';
import { causeOf, hashOf } from './change-cause.ts';
import { IdempotentAnswers } from './idempotency.ts';
import { readIdempotencyKey } from './idempotency-key.ts';
import { entityTag, readPreconditions, underPreconditions } from './preconditions.ts';

/** What the routes operate. */
export interface AdapterRoutesContext {
  readonly control: AdapterControl;
  /** Name of the base. No adapter may have it. */
  readonly baseName: string;
}

interface Named {
  readonly Params: { readonly name: string };
}

const reason = z.string().min(1).max(500).optional();
const version = z.string().min(1).max(128);
/** WHY a limit: proxies and clients end a request that takes longer. */
const longestWaitMs = 60_000;

const plainSchema = z.strictObject({ reason });
const moveSchema = z.strictObject({ version, reason });
const rollbackSchema = z.strictObject({ to: version.optional(), reason });
const pinSchema = z.strictObject({ weights: z.boolean().default(false), reason });
const drainSchema = z.strictObject({ wait_ms: z.number().int().min(0).max(longestWaitMs).default(0), reason });

/**
 * `/v1/adapters`: the names, their versions and their history, and all changes of them. No route takes a path or a URL: a version is
 * named by its digest.
 */
export function addAdapters(app: FastifyInstance, context: AdapterRoutesContext, clock: Clock): void {
  const { control } = context;
  const admin = { config: { access: 'admin' } } as const;
  app.get('/v1/adapters', admin, () => ({ object: 'list', data: control.list().map(adapterJson) }));
  app.get<Named>('/v1/adapters/:name', admin, ({ params }, reply) => {
    return tagged(reply, control.info(nameIn(context, params)), adapterWithHistory);
  });
  const change = createChange(context, clock);
  const move = change(moveSchema, (name, body, options) => control.move(name, body.version, options));
  app.put<Named>('/v1/adapters/:name', admin, move);
  app.post<Named>('/v1/adapters/:name/publish', admin, move);
  app.post<Named>(
    '/v1/adapters/:name/rollback',
    admin,
    change(rollbackSchema, (name, { to }, options) => control.rollback(name, { ...options, to })),
  );
  app.post<Named>(
    '/v1/adapters/:name/pin',
    admin,
    change(pinSchema, (name, { weights }, options) => control.pin(name, { ...options, keepsWeights: weights })),
  );
  app.post<Named>(
    '/v1/adapters/:name/unpin',
    admin,
    change(plainSchema, (name, _body, options) => control.unpin(name, options)),
  );
  app.post<Named>(
    '/v1/adapters/:name/drain',
    admin,
    change(drainSchema, (name, { wait_ms: waitMs }, options) => {
      const signal = waitMs === 0 ? AbortSignal.abort() : AbortSignal.timeout(waitMs);
      return control.drain(name, { ...options, signal });
    }),
  );
  app.post<Named>(
    '/v1/adapters/:name/resume',
    admin,
    change(plainSchema, async (name, _body, options) => control.resume(name, options)),
  );
  app.delete<Named>(
    '/v1/adapters/:name',
    admin,
    change(plainSchema, async (name, _body, options) => {
      await control.remove(name, options);
      return undefined;
    }),
  );
}

type Handler = (request: FastifyRequest<Named>, reply: FastifyReply) => Promise<object>;

type CreateHandler = <Schema extends z.ZodType<{ reason?: string | undefined }>>(
  schema: Schema,
  act: (name: string, body: z.output<Schema>, options: MoveOptions) => Promise<AdapterInfo | undefined>,
) => Handler;

/** Creates handlers that check the body, the preconditions and the key of a repeated request before they change anything. */
function createChange(context: AdapterRoutesContext, clock: Clock): CreateHandler {
  const answers = new IdempotentAnswers<Answered>({ clock });
  return (schema, act) => async (request, reply) => {
    const name = nameIn(context, request.params);
    const body = parseBody(schema, request.body);
    const expected = readPreconditions(request.headers);
    const options = { ...expected, cause: causeOf(request, body.reason) };
    const repeatable = {
      key: readIdempotencyKey(request),
      content: hashOf(JSON.stringify([request.method, request.routeOptions.url, name, body, expected])),
    };
    const { value, isRepeated } = await answers.answer(repeatable, async () => {
      const info = await underPreconditions(() => act(name, body, options));
      return {
        body: info === undefined ? { object: 'adapter', name, deleted: true } : adapterJson(info),
        version: info?.version,
      };
    });
    if (isRepeated) reply.header('idempotent-replayed', 'true');
    if (value.version !== undefined) reply.header('etag', entityTag(value.version));
    return value.body;
  };
}

/** An answer as it is repeated. */
interface Answered {
  readonly body: object;
  readonly version: string | undefined;
}

function nameIn({ baseName }: AdapterRoutesContext, { name }: Named['Params']): string {
  assertAdapterName(name, baseName);
  return name;
}

function tagged(reply: FastifyReply, info: AdapterInfo, write: (info: AdapterInfo) => object): object {
  if (info.version !== undefined) reply.header('etag', entityTag(info.version));
  return write(info);
}
