import { z } from 'zod';

import { EspalierError } from '../../../core/index.ts';
import { activations, type Activation } from '../../graph/activation.ts';

/** Collects the unsupported features of a config.json, so that one error names all of them. */
export class Features {
  readonly #refused: { readonly feature: string; readonly value: string; readonly supported: string }[] = [];
  readonly #path: string;

  /** Refuses the features that the family does not support. @param json  the parsed file; `own`: the fields that the family reads */
  constructor(json: unknown, path: string, own: { readonly shape: object }) {
    this.#path = path;
    this.#checkForeign(json, Object.keys(own.shape));
  }

  refuse(feature: string, value: unknown, supported: string): void {
    this.#refused.push({
      feature,
      value: typeof value === 'object' ? JSON.stringify(value) : String(value),
      supported,
    });
  }

  /** @param field  the field's name in config.json */
  activation(field: string, value: string): Activation {
    const activation = Object.hasOwn(activations, value) ? activations[value] : undefined;
    if (activation === undefined) this.refuse(field, value, Object.keys(activations).join(', '));
    return activation ?? 'silu';
  }

  /** @throws EspalierError MODEL_FEATURE_UNSUPPORTED with all refused features, if there are any */
  check(): void {
    const [last, ...others] = this.#refused.reverse();
    if (last === undefined) return;
    const before = others
      .reverse()
      .map(({ feature, value, supported }) => `${feature} = ${value} (supported: ${supported})`);
    const feature = [...before, last.feature].join('; ');
    throw new EspalierError('MODEL_FEATURE_UNSUPPORTED', { ...last, path: this.#path, feature });
  }

  #checkForeign(json: unknown, reads: readonly string[]): void {
    const fields = z.record(z.string(), z.unknown()).safeParse(json).data ?? {};
    for (const [name, { plain, supported }] of Object.entries(foreign)) {
      const value = fields[name];
      if (reads.includes(name) || value === undefined || value === null) continue;
      if (!plain.includes(value)) this.refuse(name, value, supported);
    }
  }
}

/** Fields that give the number of experts of a mixture. */
export const expertFields = ['num_experts', 'num_local_experts', 'n_routed_experts'] as const;

const dense = { plain: [0, 1], supported: 'dense feed-forward parts in this family, no mixture of experts' };

/**
 * Fields for features that only some families have, each with the values that change nothing. transformers ignores them in the others,
 * so a file with another value was not made for this family.
 */
const foreign: Readonly<Record<string, { plain: readonly unknown[]; supported: string }>> = {
  ...Object.fromEntries(expertFields.map((name) => [name, dense])),
  add_cross_attention: { plain: [false], supported: 'decoders alone' },
  alibi: { plain: [false], supported: 'rotary, learned or no positions' },
  use_bidirectional_attention: { plain: [false], supported: 'causal attention' },
  attention_bias: { plain: [false], supported: 'the biases of this family' },
  mlp_bias: { plain: [false], supported: 'the biases of this family' },
  use_qk_norm: { plain: [false], supported: 'the norms of this family' },
  qk_layernorm: { plain: [false], supported: 'the norms of this family' },
  use_parallel_residual: { plain: [false], supported: 'the order of branches of this family' },
  clip_qkv: { plain: [], supported: 'queries, keys and values that are not clipped' },
  logit_scale: { plain: [1], supported: '1 in this family' },
  logits_scaling: { plain: [1], supported: '1 in this family' },
  embedding_multiplier: { plain: [1], supported: '1 in this family' },
  residual_multiplier: { plain: [1], supported: '1 in this family' },
  attention_multiplier: { plain: [], supported: 'the scores of this family' },
  final_logit_softcapping: { plain: [], supported: 'no soft cap in this family' },
};
