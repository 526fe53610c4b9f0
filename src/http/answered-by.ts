import type { FastifyReply } from 'fastify';
import { answeringAdapters } from '../answering/index.ts';
import type { Route } from '../routing/index.ts';

/** Who answers a request: an adapter version, or the base. */
export type AnsweredBy = Pick<Route, 'alias' | 'version' | 'fallback' | 'rollout'> &
  Partial<Pick<Route, 'leases' | 'scales'>>;

/** Headers that name the adapter and the version that answer. The base has none. */
export const answeredByHeaders = {
  adapter: 'x-espalier-adapter',
  version: 'x-espalier-version',
  fallback: 'x-espalier-fallback',
  rollout: 'x-espalier-rollout',
} as const;

/** Names the adapter and its version in the headers. WHY also for an answer that fails: it says which version failed. */
export function sayAnsweredBy(reply: FastifyReply, { alias, version, fallback, rollout }: AnsweredBy): void {
  if (alias === undefined) return;
  const { adapter, ...others } = answeredByHeaders;
  reply.header(adapter, headerText(alias));
  // An earlier try may have set them.
  for (const name of Object.values(others)) reply.removeHeader(name);
  if (version !== undefined) reply.header(others.version, version);
  if (fallback !== undefined) reply.header(others.fallback, `${fallback.from}; reason="${fallback.reason}"`);
  if (rollout !== undefined) reply.header(others.rollout, rollout.side);
}

/** WHY encoded: an adapter has the name of its folder, whatever its letters, and a header takes only some. */
function headerText(name: string): string {
  return /^[\x20-\x7e]*$/.test(name) ? name : encodeURIComponent(name);
}

/** The field that names the adapter and its version in a body. OpenAI's clients ignore fields that they don't know. */
export function answeredByField({ alias, version, fallback, rollout, ...mixed }: AnsweredBy): {
  readonly espalier?: object;
} {
  if (alias === undefined) return {};
  if (mixed.scales !== undefined) return { espalier: { adapters: answeringAdapters(mixed) } };
  return {
    espalier: {
      adapter: alias,
      version: version ?? null,
      ...(fallback && { fallback: { from: fallback.from, to: fallback.to ?? null, reason: fallback.reason } }),
      ...(rollout && { rollout: { id: rollout.id, side: rollout.side } }),
    },
  };
}
