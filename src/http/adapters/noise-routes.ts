import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { NoiseState } from '../../routing/index.ts';
import { parseBody } from '../door/parse-body.ts';
import { answerChange, type Answered, type Named, nameIn } from './adapter-change.ts';
import type { RolloutRoutesContext } from './rollout-routes.ts';

const reason = z.string().min(1).max(500).optional();
export const startSchema = z.strictObject({ samples: z.number().optional(), share: z.number().optional(), reason });
const plainSchema = z.strictObject({ reason });

/** `/v1/adapters/{name}/noise`: what the version of a name differs from itself by is measured on the requests for it. */
export function addNoise(app: FastifyInstance, context: RolloutRoutesContext): void {
  const { rollouts } = context;
  const admin = { config: { access: 'admin' } } as const;
  const url = '/v1/adapters/:name/noise';
  const answer = (name: string, status = 200): Answered => {
    return { status, body: noiseJson(name, rollouts.noise.state(name)), version: undefined };
  };
  app.get<Named>(url, { config: { access: 'read' } }, (request) => {
    const name = nameIn(context, request.params);
    return noiseJson(name, rollouts.noise.state(name));
  });
  app.post<Named>(url, admin, async (request, reply) => {
    const name = nameIn(context, request.params);
    const body = parseBody(startSchema, request.body);
    const changing = { request, reply, name, content: body, reason: body.reason };
    return answerChange(context, changing, async (options) => {
      const { reason: _, ...given } = body;
      rollouts.measureNoise(name, given, options);
      return answer(name, 201);
    });
  });
  app.delete<Named>(url, admin, async (request, reply) => {
    const name = nameIn(context, request.params);
    const body = parseBody(plainSchema, request.body);
    const changing = { request, reply, name, content: body, reason: body.reason };
    return answerChange(context, changing, async ({ cause }) => {
      await rollouts.noise.forget(name, cause);
      return answer(name);
    });
  });
}

function noiseJson(name: string, { running, floor }: NoiseState): object {
  return {
    object: 'noise',
    name,
    running: running === undefined ? null : runningJson(running),
    floor: floor === undefined ? null : floorJson(floor),
  };
}

function runningJson({ version, wanted, samples, failures }: NonNullable<NoiseState['running']>): object {
  return { version, wanted, samples, failures };
}

function floorJson({ noise, ...facts }: NonNullable<NoiseState['floor']>): object {
  return { ...noise, ...facts };
}
