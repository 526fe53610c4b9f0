import type { FastifyReply } from 'fastify';

/** The adapter version that answers a request; both undefined for the base. */
export interface AnsweredBy {
  readonly alias: string | undefined;
  readonly version: string | undefined;
}

/** Headers that name the adapter and the version that answer. The base has none. */
export const answeredByHeaders = { adapter: 'x-espalier-adapter', version: 'x-espalier-version' } as const;

/** Names the adapter and its version in the headers. WHY also for an answer that fails: it says which version failed. */
export function sayAnsweredBy(reply: FastifyReply, { alias, version }: AnsweredBy): void {
  if (alias === undefined || version === undefined) return;
  reply.header(answeredByHeaders.adapter, alias).header(answeredByHeaders.version, version);
}

/** The field that names the adapter and its version in a body. OpenAI's clients ignore fields that they don't know. */
export function answeredByField({ alias, version }: AnsweredBy): { readonly espalier?: object } {
  return alias === undefined || version === undefined ? {} : { espalier: { adapter: alias, version } };
}
