import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { AuditReader } from '../../service/index.ts';
import { parseBody } from '../door/parse-body.ts';
import { actorFor } from '../keys/hide-names.ts';
import { holderOf, type KeyHolder } from '../keys/key-holder.ts';
import { seesEvent } from './event-json.ts';

const querySchema = z.strictObject({
  before: z.coerce.number().int().min(1).optional(),
  limit: z.coerce.number().int().min(1).max(500).default(100),
  name: z.string().min(1).max(512).optional(),
});

type Entry = Awaited<ReturnType<AuditReader['page']>>['records'][number];

/** `GET /v1/audit`: the audit record of the store, the latest first, in pages. A key for some names gets their records only. */
export function addAudit(app: FastifyInstance, audit: AuditReader): void {
  app.get('/v1/audit', { config: { access: 'read', keepsToNames: true } }, async (request) => {
    const { before, limit, name } = parseBody(querySchema, request.query);
    const reader = holderOf(request);
    const matches = (entry: Entry): boolean => seesEvent(reader, entry) && (name === undefined || entry.name === name);
    const page = await audit.page({ before, limit, matches });
    return {
      object: 'list',
      data: page.records.map((entry) => entryJson(entry, reader)),
      // WHY not only where records follow: a page may have ended because it looked at enough of them.
      has_more: page.before !== undefined,
      next_before: page.before ?? null,
    };
  });
}

/** WHY less for a key for some names: messages and reasons of others may name what it may not see, and the chain is that of all. */
function entryJson(entry: Entry, reader: KeyHolder): object {
  if (reader.scope.isAll) return { object: 'audit.record', ...entry };
  const { prev: _prev, message: _message, reason, actor, ...rest } = entry;
  const by = actorFor(reader, actor);
  return { object: 'audit.record', ...rest, actor: by, ...(by === actor && reason !== undefined ? { reason } : {}) };
}
