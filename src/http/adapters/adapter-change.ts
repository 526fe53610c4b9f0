import type { FastifyReply, FastifyRequest } from 'fastify';
import type { z } from 'zod';
import { type AdapterControl, type AdapterInfo, assertAdapterName, type MoveOptions } from '../../routing/index.ts';
import { holderOf } from '../keys/key-holder.ts';
import { parseBody } from '../door/parse-body.ts';
import { adapterJson, type NameSettings } from './adapter-json.ts';
import { causeOf, hashOf } from './change-cause.ts';
import type { IdempotentAnswers } from './idempotency.ts';
import { readIdempotencyKey } from './idempotency-key.ts';
import { entityTag, readPreconditions, underPreconditions } from './preconditions.ts';

/** What the routes operate. */
export interface AdapterRoutesContext extends NameSettings {
  readonly control: AdapterControl;
  /** Name of the base. No adapter may have it. */
  readonly baseName: string;
  /** The answers to changes with an `Idempotency-Key`. */
  readonly answers: IdempotentAnswers<Answered>;
}

/** An answer as it is repeated. */
export interface Answered {
  readonly status: number;
  readonly body: object;
  readonly version: string | undefined;
}

export interface Named {
  readonly Params: { readonly name: string };
}

type Handler = (request: FastifyRequest<Named>, reply: FastifyReply) => Promise<object>;

export type CreateHandler = <Schema extends z.ZodType<{ reason?: string | undefined }>>(
  schema: Schema,
  act: (name: string, body: z.output<Schema>, options: MoveOptions) => Promise<AdapterInfo | undefined>,
) => Handler;

/** Creates handlers that check the body and the preconditions before they change anything. */
export function createChange(context: AdapterRoutesContext): CreateHandler {
  return (schema, act) => async (request, reply) => {
    const name = nameIn(context, request.params);
    const body = parseBody(schema, request.body);
    return answerChange(context, { request, reply, name, content: body, reason: body.reason }, async (options) => {
      const info = await act(name, body, options);
      if (info === undefined)
        return { status: 200, body: { object: 'adapter', name, deleted: true }, version: undefined };
      return { status: 200, body: adapterJson(info, holderOf(request), context), version: info.version };
    });
  };
}

export interface ChangeRequest {
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
  readonly name: string;
  /** What the body asks for. */
  readonly content: unknown;
  readonly reason: string | undefined;
}

/** Makes a change once for each key of a repeated request, under the preconditions of the request. */
export async function answerChange(
  { answers }: AdapterRoutesContext,
  { request, reply, name, content, reason }: ChangeRequest,
  act: (options: MoveOptions) => Promise<Answered>,
): Promise<object> {
  const expected = readPreconditions(request.headers);
  const options = { ...expected, cause: causeOf(request, reason) };
  const repeatable = {
    key: readIdempotencyKey(request),
    content: hashOf(JSON.stringify([request.method, request.routeOptions.url, name, content, expected])),
  };
  const { value, isRepeated } = await answers.answer(repeatable, () =>
    underPreconditions(expected, () => act(options)),
  );
  if (isRepeated) reply.header('idempotent-replayed', 'true');
  if (value.version !== undefined) reply.header('etag', entityTag(value.version));
  reply.status(value.status);
  return value.body;
}

/**
 * A name that is served may have any form, because it may be that of a folder.
 * @throws EspalierError REQUEST_INVALID
 */
export function nameIn({ baseName, control }: AdapterRoutesContext, { name }: Named['Params']): string {
  if (!control.has(name)) assertAdapterName(name, baseName);
  return name;
}
