import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { type AdapterInfo, fallbacks } from '../../routing/index.ts';
import { type AdapterRoutesContext, createChange, type Named, nameIn } from './adapter-change.ts';
import { holderOf } from '../keys/key-holder.ts';
import { adapterInFull, adapterJson } from './adapter-json.ts';
import { entityTag } from './preconditions.ts';
import { addUpload, type UploadContext } from './upload-route.ts';

const reason = z.string().min(1).max(500).optional();
const version = z.string().min(1).max(128);
/** WHY a limit: proxies and clients end a request that takes longer. */
const longestWaitMs = 60_000;

export const plainSchema = z.strictObject({ reason });
export const moveSchema = z.strictObject({ version, reason });
export const rollbackSchema = z.strictObject({ to: version.optional(), reason });
export const pinSchema = z.strictObject({ weights: z.boolean().default(false), reason });
export const settingsSchema = z.strictObject({ fallback: z.enum(fallbacks).nullable(), reason });
export const drainSchema = z.strictObject({ wait_ms: z.number().int().min(0).max(longestWaitMs).default(0), reason });

/**
 * `/v1/adapters`: the names, their versions and their history, and all changes of them. No route takes a path or a URL: a version is
 * named by its digest.
 */
export function addAdapters(app: FastifyInstance, context: AdapterRoutesContext & UploadContext): void {
  const { control, rollouts } = context;
  const admin = { config: { access: 'admin' } } as const;
  app.get('/v1/adapters', { config: { access: 'read', keepsToNames: true } }, (request) => {
    const reader = holderOf(request);
    const seen = control.list().filter(({ name }) => reader.scope.sees(name));
    const memory = reader.scope.isAll ? control.memory() : memoryOf(seen, control.memory());
    return { object: 'list', data: seen.map((info) => adapterJson(info, reader, context)), memory };
  });
  app.get<Named>('/v1/adapters/:name', { config: { access: 'read' } }, async (request, reply) => {
    const info = await control.describe(nameIn(context, request.params));
    if (info.version !== undefined) reply.header('etag', entityTag(info.version));
    return adapterInFull(info, holderOf(request), context);
  });
  addUpload(app, context);
  const change = createChange(context);
  const move = change(moveSchema, (name, body, options) => control.move(name, body.version, options));
  app.put<Named>('/v1/adapters/:name', admin, move);
  app.post<Named>('/v1/adapters/:name/publish', admin, move);
  if (rollouts !== undefined) {
    app.patch<Named>(
      '/v1/adapters/:name',
      admin,
      change(settingsSchema, async (name, { fallback }, options) => {
        await rollouts.declareFallback(name, fallback ?? undefined, options);
        return control.describe(name);
      }),
    );
  }
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

/** What a few names use of the memory. Names that point to one version share its weights. */
function memoryOf(infos: readonly AdapterInfo[], { limit }: Pick<Memory, 'limit'>): Memory {
  const resident = new Map(
    infos.filter(({ isResident }) => isResident).map(({ version, bytes = 0 }) => [version, bytes]),
  );
  return { used: [...resident.values()].reduce((sum, bytes) => sum + bytes, 0), limit, versions: resident.size };
}

type Memory = ReturnType<AdapterRoutesContext['control']['memory']>;
