import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { MoveOptions, RolloutState } from '../../routing/index.ts';
import type { RolloutControl } from '../../service/index.ts';
import { holderOf } from '../keys/key-holder.ts';
import { parseBody } from '../door/parse-body.ts';
import { answerChange, type AdapterRoutesContext, type Named, nameIn } from './adapter-change.ts';
import { entityTag } from './preconditions.ts';
import { rolloutJson, rolloutOptionsIn } from './rollout-json.ts';

export interface RolloutRoutesContext extends AdapterRoutesContext {
  readonly rollouts: RolloutControl;
}

const reason = z.string().min(1).max(500).optional();
const numbers = z.record(z.string().max(50), z.number());
export const startSchema = z.strictObject({
  candidate: z.string().min(1).max(128),
  steps: z.array(numbers).min(1).max(20).optional(),
  limits: numbers.optional(),
  noise: numbers.optional(),
  reason,
});
export const commandSchema = z.strictObject({ action: z.enum(['promote', 'abort', 'pause', 'resume']), reason });
const plainSchema = z.strictObject({ reason });

/** What a command does with the roll-out of a name. */
type Act = (name: string, options: MoveOptions) => Promise<RolloutState>;

/**
 * `/v1/rollouts` and `/v1/adapters/{name}/rollout`: a version that is known by its digest comes into service by steps. No route takes a
 * path or a URL.
 */
export function addRollouts(app: FastifyInstance, context: RolloutRoutesContext): void {
  const { rollouts } = context;
  const admin = { config: { access: 'admin' } } as const;
  const url = '/v1/adapters/:name/rollout';
  app.get('/v1/rollouts', { config: { access: 'read', keepsToNames: true } }, (request) => {
    const reader = holderOf(request);
    const seen = rollouts.list().filter(({ alias }) => reader.scope.sees(alias));
    return { object: 'list', data: seen.map((state) => rolloutJson(state, reader)) };
  });
  app.get<Named>(url, { config: { access: 'read' } }, (request, reply) => {
    const state = rollouts.status(nameIn(context, request.params));
    reply.header('etag', entityTag(state.stable));
    return rolloutJson(state, holderOf(request));
  });
  const change = createRolloutChange(context);
  app.post<Named>(
    url,
    admin,
    change(startSchema, 201, ({ candidate, ...settings }) => {
      const rollout = rolloutOptionsIn(settings);
      return (name, options) => rollouts.start(name, candidate, { ...options, rollout });
    }),
  );
  app.patch<Named>(
    url,
    admin,
    change(
      commandSchema,
      200,
      ({ action }) =>
        (name, options) =>
          rollouts.command(name, action, options),
    ),
  );
  app.delete<Named>(
    url,
    admin,
    change(plainSchema, 200, () => (name, options) => rollouts.clear(name, options)),
  );
}

type Handler = (request: FastifyRequest<Named>, reply: FastifyReply) => Promise<object>;

type CreateHandler = <Schema extends z.ZodType<{ reason?: string | undefined }>>(
  schema: Schema,
  status: number,
  read: (body: z.output<Schema>) => Act,
) => Handler;

function createRolloutChange(context: RolloutRoutesContext): CreateHandler {
  return (schema, status, read) => async (request, reply) => {
    const name = nameIn(context, request.params);
    const body = parseBody(schema, request.body);
    const act = read(body);
    return answerChange(context, { request, reply, name, content: body, reason: body.reason }, async (options) => {
      const state = await act(name, options);
      return { status, body: rolloutJson(state, holderOf(request)), version: state.stable };
    });
  };
}
