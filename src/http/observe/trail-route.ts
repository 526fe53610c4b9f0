import type { FastifyInstance } from 'fastify';
import type { RolloutControl } from '../../service/index.ts';
import { nameIn, type AdapterRoutesContext, type Named } from '../adapters/adapter-change.ts';
import type { RolloutTrail } from './rollout-trail.ts';

export interface TrailContext extends Pick<AdapterRoutesContext, 'control' | 'baseName' | 'answers'> {
  readonly rollouts: RolloutControl;
  readonly trail: Pick<RolloutTrail, 'points'>;
}

/** `GET /v1/adapters/{name}/rollout/evidence`: how what the name's roll-out judges by came about. */
export function addTrail(app: FastifyInstance, context: TrailContext): void {
  app.get<Named>('/v1/adapters/:name/rollout/evidence', { config: { access: 'read' } }, (request) => {
    const { id, alias } = context.rollouts.status(nameIn(context, request.params));
    const data = context.trail
      .points(alias, id)
      .map(({ time, requests, divergence, agreement, intervals, ...point }) => ({
        time: new Date(time).toISOString(),
        ...point,
        requests,
        divergence: requests === 0 ? null : divergence,
        agreement: requests === 0 ? null : agreement,
        divergence_interval: intervals.divergence ?? null,
        agreement_interval: intervals.agreement ?? null,
      }));
    return { object: 'list', rollout: id, data };
  });
}
