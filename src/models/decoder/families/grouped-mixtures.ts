import { z } from 'zod';

import { EspalierError } from '../../../core/index.ts';
import type { Activation } from '../../graph/activation.ts';
import type { FeedForward } from '../../graph/mixture.ts';
import type { RouterLayer } from '../../graph/routing.ts';
import { positiveInteger } from './fields.ts';
import type { LlamaLike } from './llama-like.ts';
import { gatedMlp, mixtureOf, mixtureSizes, type MixtureSizes } from './mixtures.ts';

const count = z.number().int().nonnegative().nullish();

/** The fields of DeepSeek and its relatives: a mixture beside a shared part, behind some dense layers. */
export const groupedFields = z.looseObject({
  n_routed_experts: positiveInteger.nullish(),
  num_experts_per_tok: positiveInteger.nullish(),
  n_shared_experts: count,
  moe_intermediate_size: positiveInteger.nullish(),
  first_k_dense_replace: count,
  moe_layer_freq: z.literal(1).nullish(),
  n_group: positiveInteger.nullish(),
  topk_group: positiveInteger.nullish(),
  norm_topk_prob: z.boolean().nullish(),
  routed_scaling_factor: z.number().nullish(),
  num_nextn_predict_layers: count,
  num_mtp_layers: count,
});

export type GroupedFields = z.infer<typeof groupedFields>;

export interface GroupedDefaults extends MixtureSizes {
  readonly shared: number;
  readonly inner: number;
  readonly dense: number;
  readonly groups: number;
  readonly kept: number;
  readonly normalizes: boolean;
  readonly scale: number;
}

export interface GroupedContext {
  readonly path: string;
  readonly layers: number;
  readonly hiddenSize: number;
  readonly activation: Activation;
  readonly bias?: boolean;
  readonly defaults: GroupedDefaults;
  /** How the router chooses: as in DeepSeek-V3, or as in V2 with or without groups. */
  readonly router: 'corrected' | 'softmax' | 'softmax-groups';
}

/** The feed-forward parts of all layers: the first ones dense, the others mixtures. @throws EspalierError MODEL_CONFIG_INVALID */
export function groupedMixtures(fields: GroupedFields, context: GroupedContext): NonNullable<LlamaLike['feedForward']> {
  const { path, layers, hiddenSize, activation, defaults, bias = false } = context;
  const named = { num_experts: fields.n_routed_experts, num_experts_per_tok: fields.num_experts_per_tok };
  const sizes = mixtureSizes(named, { path, layers, defaults });
  const inner = fields.moe_intermediate_size ?? defaults.inner;
  const shared = fields.n_shared_experts ?? defaults.shared;
  const dense = fields.first_k_dense_replace ?? defaults.dense;
  const routing = groupedRouting(fields, { ...context, ...sizes });
  const normalizes = context.router === 'corrected' && (fields.norm_topk_prob ?? defaults.normalizes);
  return (index, block): FeedForward | undefined => {
    if (index < dense) return undefined;
    const mlp = `${block}.mlp`;
    const always = { hiddenSize, inner: inner * shared, activation, bias };
    return mixtureOf({
      path: mlp,
      hiddenSize,
      inner,
      activation,
      normalizes,
      ...sizes,
      routing,
      ...(shared > 0 && { shared: { mlp: gatedMlp(`${mlp}.shared_experts`, always) } }),
    });
  };
}

type Routing = Pick<RouterLayer, 'scoring' | 'corrects' | 'groups' | 'scale'>;

interface GroupedRoutingContext extends MixtureSizes, Pick<GroupedContext, 'path' | 'router'> {
  readonly defaults: Pick<GroupedDefaults, 'groups' | 'kept' | 'scale'>;
}

/** How experts in groups are chosen. @throws EspalierError MODEL_CONFIG_INVALID */
export function groupedRouting(
  fields: Pick<GroupedFields, 'n_group' | 'topk_group' | 'routed_scaling_factor'>,
  { path, router, defaults, experts, perToken }: GroupedRoutingContext,
): Routing {
  const groups = fields.n_group ?? defaults.groups;
  const kept = fields.topk_group ?? defaults.kept;
  const scale = fields.routed_scaling_factor ?? defaults.scale;
  const isLimited = router !== 'softmax' && groups > 1;
  const size = experts / groups;
  const problems = isLimited
    ? [
        ...(Number.isInteger(size) ? [] : [`${experts} experts cannot be divided into ${groups} groups`]),
        ...(kept > groups ? [`topk_group is ${kept}, but there are only ${groups} groups`] : []),
        ...(perToken > kept * size ? [`${kept} groups of ${size} experts have no ${perToken} of them`] : []),
        ...(router === 'corrected' && size < 2 ? [`a group has ${size} experts, expected 2 or more`] : []),
      ]
    : [];
  if (problems.length > 0) throw new EspalierError('MODEL_CONFIG_INVALID', { path, problems });
  return {
    scale,
    ...(router === 'corrected' && { scoring: 'sigmoid' as const, corrects: true }),
    ...(isLimited && { groups: { count: groups, kept, best: router === 'corrected' ? 2 : 1 } }),
  };
}

/** The number of layers that predict tokens beyond the next one, which lie behind the others in a checkpoint. */
export function furtherLayers(fields: GroupedFields): number {
  return fields.num_nextn_predict_layers ?? fields.num_mtp_layers ?? 1;
}
