import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { Fleet, FleetPlan } from '../../fleet/index.ts';
import { causeOf, hashOf } from '../adapters/change-cause.ts';
import { parseBody } from '../door/parse-body.ts';
import { fleetJson, planJson } from './fleet-json.ts';

/** The manifest, and some room for its form as a text in JSON. */
const maxManifestBody = 3 * 2 ** 20;

export const manifestBody = z.strictObject({ manifest: z.string().min(1) });
export const pauseBody = z.strictObject({ reason: z.string().min(1).max(500).optional() });

/** `/v1/fleet`: what is declared beside what lives, and what an operator does with it. */
export function addFleet(app: FastifyInstance, fleet: Fleet): void {
  const admin = { config: { access: 'admin' } } as const;
  const withManifest = { ...admin, bodyLimit: maxManifestBody };
  app.addHook('onSend', async (_request, reply) => {
    const age = staleSeconds(fleet);
    if (age !== undefined) void reply.header('x-espalier-fleet-age', String(age));
  });
  app.get('/v1/fleet', { config: { access: 'read' } }, async () => fleetJson(await fleet.status()));
  app.post('/v1/fleet/diff', withManifest, async (request) => {
    const { manifest } = parseBody(manifestBody, request.body);
    const { plan, missing } = await fleet.diff(manifest);
    return { ...changesJson(plan), missing };
  });
  app.post('/v1/fleet/apply', withManifest, async (request) => {
    const { manifest } = parseBody(manifestBody, request.body);
    const commit = `sha256-${hashOf(manifest)}`;
    const { actor: by } = causeOf(request, undefined);
    return changesJson((await fleet.apply(manifest, { commit, by })).plan);
  });
  app.post('/v1/fleet/pause', admin, async (request) => {
    const { reason } = parseBody(pauseBody, request.body);
    await fleet.pause(causeOf(request, reason));
    return fleetJson(await fleet.status());
  });
  app.post('/v1/fleet/resume', admin, async (request) => {
    const { reason } = parseBody(pauseBody, request.body);
    await fleet.resume(causeOf(request, reason));
    return fleetJson(await fleet.status());
  });
}

/** A look that takes longer may hang. */
const lateSeconds = 5;

/** How old what is served is, while its source cannot be reached, or has not answered for some time. */
function staleSeconds(fleet: Fleet): number | undefined {
  const { unreachable, lookingSeconds = 0, ageSeconds } = fleet.facts();
  const isReached = unreachable === undefined && lookingSeconds < lateSeconds;
  return isReached || ageSeconds === undefined ? undefined : Math.round(ageSeconds);
}

function changesJson(plan: FleetPlan): object {
  const { moves, rollouts, pins, unpins, fallbacks } = plan;
  const repeated = new Set(pins.map(({ name }) => name));
  const count =
    moves.length +
    rollouts.length +
    pins.length +
    fallbacks.length +
    unpins.filter((name) => !repeated.has(name)).length;
  return planJson(plan, count);
}
