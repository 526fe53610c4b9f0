import { z } from 'zod';

import { EspalierError } from '../../../core/index.ts';
import type { Activation } from '../../graph/activation.ts';
import type { LinearLayer } from '../../graph/linear.ts';
import type { MixtureLayer } from '../../graph/mixture.ts';
import type { MlpLayer } from '../../graph/mlp.ts';
import type { RouterLayer } from '../../graph/routing.ts';
import { parseWith } from '../../parse-with.ts';
import { positiveInteger } from './fields.ts';

export interface MixtureSizes {
  readonly experts: number;
  readonly perToken: number;
}

/** The fields of config.json that describe a mixture. */
export const mixtureFields = z.looseObject({
  num_experts: positiveInteger.nullish(),
  num_local_experts: positiveInteger.nullish(),
  num_experts_per_tok: positiveInteger.nullish(),
});

/** WHY a limit: a description of each expert is built before any weight is looked up. No real model has a fifth of these experts. */
const maxExperts = 2 ** 17;

/**
 * Reads the number of experts, which config.json may name in either way, and how many of them a token uses.
 * @throws EspalierError MODEL_CONFIG_INVALID
 */
export function mixtureSizes(
  json: unknown,
  { path, layers, defaults }: { readonly path: string; readonly layers: number; readonly defaults: MixtureSizes },
): MixtureSizes {
  const given = parseWith(mixtureFields, json, path);
  const experts = given.num_experts ?? given.num_local_experts ?? defaults.experts;
  const perToken = given.num_experts_per_tok ?? defaults.perToken;
  const problems = [
    ...(perToken > experts ? [`num_experts_per_tok is ${perToken}, but there are only ${experts} experts`] : []),
    ...(experts * layers > maxExperts ? [`${experts} experts in ${layers} layers are more than ${maxExperts}`] : []),
    ...contradiction(given.num_experts, given.num_local_experts),
  ];
  if (problems.length > 0) throw new EspalierError('MODEL_CONFIG_INVALID', { path, problems });
  return { experts, perToken };
}

function contradiction(one: number | null | undefined, other: number | null | undefined): string[] {
  const isSame = (one ?? other) === (other ?? one);
  return isSame ? [] : [`num_experts is ${String(one)}, but num_local_experts is ${String(other)}`];
}

export interface MixtureOptions extends MixtureSizes {
  /** The path of the feed-forward part. */
  readonly path: string;
  readonly hiddenSize: number;
  /** The inner width of an expert. */
  readonly inner: number;
  readonly activation: Activation;
  readonly normalizes: boolean;
  /** The name of the router below the path. Default: `gate`. */
  readonly router?: string;
  /** What else differs in the router. */
  readonly routing?: Pick<RouterLayer, 'bias' | 'scoring' | 'corrects' | 'groups' | 'scale' | 'sumGuard'>;
  readonly shared?: MixtureLayer['shared'];
}

interface GatedSizes {
  readonly hiddenSize: number;
  readonly inner: number;
  readonly bias?: boolean;
}

/** Describes a mixture whose experts are named as in transformers 5: `<path>.experts`. */
export function mixtureOf(options: MixtureOptions): MixtureLayer {
  const { path, hiddenSize, inner, activation, shared, experts, perToken, normalizes } = options;
  const router: RouterLayer = {
    path: `${path}.${options.router ?? 'gate'}`,
    experts,
    hidden: hiddenSize,
    perToken,
    normalizes,
    ...options.routing,
  };
  return {
    kind: 'mixture',
    path,
    activation,
    router,
    experts: Array.from({ length: experts }, (_, i) => gatedLinears(`${path}.experts.${i}`, { hiddenSize, inner })),
    ...(shared && { shared }),
  };
}

/** The names of an expert's matrices in checkpoints, and those since transformers 5. */
const expertMatrices: Readonly<Record<string, string>> = { w1: 'gate_proj', w2: 'down_proj', w3: 'up_proj' };

/** Translates `experts.0.w1.weight` to `experts.0.gate_proj.weight`, and so on. Other names stay. */
export function expertNamed(name: string): string {
  return name.replace(
    /(\.experts\.\d+)\.(w[123])\./,
    (_, expert: string, matrix: string) => `${expert}.${expertMatrices[matrix]}.`,
  );
}

/** A gated feed-forward part, named as in Llama. Without `bias` it has none. */
export function gatedMlp(
  path: string,
  { activation, ...sizes }: GatedSizes & { readonly activation: Activation },
): MlpLayer {
  return { path, activation, kind: 'gated', ...gatedLinears(path, sizes) };
}

function gatedLinears(
  path: string,
  { hiddenSize, inner, bias = false }: GatedSizes,
): Record<'gate' | 'up' | 'down', LinearLayer> {
  const layer = (name: string, width: number, out: number): LinearLayer => {
    return { path: `${path}.${name}`, in: width, out, bias };
  };
  return {
    gate: layer('gate_proj', hiddenSize, inner),
    up: layer('up_proj', hiddenSize, inner),
    down: layer('down_proj', inner, hiddenSize),
  };
}
