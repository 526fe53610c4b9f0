import {
  expertsKey,
  moduleKey,
  type AdaptableModule,
  type ExpertGroup,
  type Tape,
  type Value,
} from '../../ir/index.ts';
import { activate } from './activation.ts';
import { expertProducts } from './expert-products.ts';
import { gatedUnit, type GatedUnit } from './gated-unit.ts';
import type { GraphBuilder } from './graph-builder.ts';
import { canJoin } from './joined-linear.ts';
import { linear, linearWeights, type LinearLayer } from './linear.ts';
import { mlp, mlpLinears, mlpWeights, type MlpLayer } from './mlp.ts';
import { dispatch, route, routerWeights, type Dispatch, type RouterLayer } from './routing.ts';

/**
 * One expert of a mixture: down(activation(gate(x)) ∘ up(x)), or without a gate down(activation(up(x))). All experts of a mixture are of
 * the same kind.
 */
export type Expert = {
  readonly down: LinearLayer;
} & (
  | { readonly gate: LinearLayer; readonly up: LinearLayer }
  | { readonly up: LinearLayer }
  /** One matrix, whose results are those of gate and up in turns: gate 0, up 0, gate 1, ... */
  | { readonly gateUp: LinearLayer }
);

/** A feed-forward part that consists of experts, of which each token uses a few. */
export interface MixtureLayer extends GatedUnit {
  readonly kind: 'mixture';
  readonly path: string;
  readonly router: RouterLayer;
  readonly experts: readonly Expert[];
  /** Layers between the hidden size and the width that all experts have in common. Default: that is the hidden size. */
  readonly latent?: { readonly into: LinearLayer; readonly out: LinearLayer };
  /** The part that computes every token. Its result is multiplied with sigmoid(gate(x)), if it has a gate. */
  readonly shared?: { readonly mlp: MlpLayer; readonly gate?: LinearLayer };
}

/** The feed-forward part of a block. */
export type FeedForward = MlpLayer | MixtureLayer;

/** The feed-forward part of a block, dense or a mixture: f32 [tokens, hidden] → f32 [tokens, hidden]. */
export function feedForward(builder: GraphBuilder, x: Value, layer: FeedForward): Value {
  return layer.kind === 'mixture' ? mixture(builder, x, layer) : mlp(builder, x, layer);
}

/**
 * A mixture of experts:
 *
 *   y = Σ wₑ · downₑ(activation(gateₑ(x)) ∘ upₑ(x)) over the experts e of a token, plus the shared part
 *
 * The rows of each expert lie together, and each expert multiplies only its own.
 *
 * WHY the activation reads the rows of all experts at once: three nodes for each expert are then enough. With many experts, the calls
 * without rows are what a mixture costs beyond a dense part of the same size.
 */
function mixture(builder: GraphBuilder, x: Value, layer: MixtureLayer): Value {
  const { path, router, experts, latent, shared } = layer;
  const tape = builder.tape(path);
  const read = latent ? linear(builder, x, latent.into) : x;
  const sent = dispatch(tape, read, { routes: route(builder, x, router), router, width: widthOf(layer) });
  const inner = innerRows(builder, layer, sent);
  const down = expertProducts(builder, inner, { sent, layers: experts.map(({ down: last }) => [last]) });
  const marked = builder
    .tape(`${path}.experts.down_proj`, markOf(layer, 'down_proj', { sent, rows: inner }))
    .op('Identity', [down]);
  const mixed = sent.combine(marked);
  const sum = latent ? linear(builder, mixed, latent.out) : mixed;
  return shared === undefined ? sum : tape.op('Add', [sum, sharedPart(builder, x, shared)]);
}

/** The width of what the experts read and give. */
function widthOf({ latent, router }: MixtureLayer): number {
  return latent?.into.out ?? router.hidden;
}

/** What stands before the last matrix of each expert: f32 [rows, inner]. */
function innerRows(builder: GraphBuilder, layer: MixtureLayer, sent: Dispatch): Value {
  const tape = builder.tape(layer.path);
  if (firstParameter(layer) === 'gate_up_proj') return gatedUnit(tape, gateAndUp(builder, layer, sent), layer);
  const up = expertProducts(builder, sent.rows, { sent, layers: layer.experts.map(layersBefore) });
  const marked = builder.tape(`${layer.path}.experts.up_proj`, markOf(layer, 'up_proj', { sent, rows: sent.rows }));
  return activate(tape, marked.op('Identity', [up]), layer.activation);
}

/** The name of the parameter that stands before the activation, as in transformers. */
export function firstParameter({ experts: [first] }: MixtureLayer): 'gate_up_proj' | 'up_proj' {
  return first && ('gateUp' in first || 'gate' in first) ? 'gate_up_proj' : 'up_proj';
}

/**
 * Gate and up of all rows, f32 [rows, inner] each. They are joined and split again: in between is the place for adapters of
 * `experts.gate_up_proj`, one parameter in transformers.
 */
function gateAndUp(
  builder: GraphBuilder,
  layer: MixtureLayer,
  sent: Dispatch,
): { readonly gate: Value; readonly up: Value } {
  const path = `${layer.path}.experts.gate_up_proj`;
  const tape = builder.tape(path);
  const marked = builder.tape(path, markOf(layer, 'gate_up_proj', { sent, rows: sent.rows }));
  const every = layer.experts.map(layersBefore);
  const inner = layer.experts[0]?.down.in;
  const halves = (both: Value): { readonly gate: Value; readonly up: Value } =>
    twoOf(tape.ops('Split', [both], { outputs: 2, attributes: { axis: -1, num_outputs: 2 } }), [
      both.shape?.[0],
      inner,
    ]);
  const isPair = (every[0] ?? []).length > 1;
  if (isPair && !every.every((layers) => canJoin(builder, layers))) {
    const products = (every[0] ?? []).map((_, place) =>
      expertProducts(builder, sent.rows, { sent, layers: every.map((layers) => layers.slice(place, place + 1)) }),
    );
    return halves(marked.op('Concat', products, { attributes: { axis: -1 } }));
  }
  const products = [expertProducts(builder, sent.rows, { sent, layers: every })];
  if (isPair) return halves(marked.op('Identity', products));
  const both = marked.op('Identity', products);
  return inTurns(tape, both);
}

/** The results of one matrix whose rows are gate 0, up 0, gate 1, ... */
function inTurns(tape: Tape, both: Value): { readonly gate: Value; readonly up: Value } {
  const [rows, width] = both.shape ?? [];
  const inner = Number(width) / 2;
  const pairs = tape.op('Reshape', [both, tape.int64s([-1, inner, 2])], { shape: [rows, inner, 2] });
  const halves = tape.ops('Split', [pairs], { outputs: 2, attributes: { axis: 2, num_outputs: 2 } });
  return twoOf(
    halves.map((half) => tape.op('Reshape', [half, tape.int64s([-1, inner])])),
    [rows, inner],
  );
}

function twoOf([gate, up]: readonly Value[], shape: Value['shape']): { readonly gate: Value; readonly up: Value } {
  if (gate === undefined || up === undefined) throw new TypeError('Split has two outputs');
  gate.shape = shape;
  up.shape = shape;
  return { gate, up };
}

/** The layers of an expert before its activation: gate and up, both in one, or up alone. */
export function layersBefore(expert: Expert): readonly LinearLayer[] {
  if ('gateUp' in expert) return [expert.gateUp];
  return 'gate' in expert ? [expert.gate, expert.up] : [expert.up];
}

/** The metadata of a node whose result adapters of the experts change. */
function markOf(
  { path, experts, router }: MixtureLayer,
  parameter: 'gate_up_proj' | 'up_proj' | 'down_proj',
  { sent, rows }: { readonly sent: Dispatch; readonly rows: Value },
): Record<string, string> {
  const group: ExpertGroup = {
    experts: experts.length,
    rows: rows.name,
    counts: sent.counts.name,
    order: sent.order.name,
    perToken: router.perToken,
  };
  return { [moduleKey]: `${path}.experts.${parameter}`, [expertsKey]: JSON.stringify(group) };
}

/** The parameters of the experts as modules: gate and up of all experts in one, as in transformers, or up alone; and down. */
export function expertModules(layer: FeedForward): AdaptableModule[] {
  if (layer.kind !== 'mixture') return [];
  const { path, experts } = layer;
  const [first] = experts;
  if (first === undefined) return [];
  const module = (name: string, width: number, out: number): AdaptableModule => ({
    path: `${path}.experts.${name}`,
    kind: 'experts',
    in: experts.length * width,
    out: experts.length * out,
    experts: experts.length,
  });
  return [
    module(firstParameter(layer), widthOf(layer), outOf(layersBefore(first))),
    module('down_proj', first.down.in, first.down.out),
  ];
}

function outOf(layers: readonly LinearLayer[]): number {
  return layers.reduce((sum, { out }) => sum + out, 0);
}

function sharedPart(builder: GraphBuilder, x: Value, { mlp: layer, gate }: NonNullable<MixtureLayer['shared']>): Value {
  const y = mlp(builder, x, layer);
  if (gate === undefined) return y;
  const tape = builder.tape(gate.path);
  return tape.op('Mul', [y, tape.op('Sigmoid', [linear(builder, x, gate)])]);
}

/** The linear layers that adapters can target by their paths: all but those of the experts, which lie in one parameter together. */
export function feedForwardLinears(layer: FeedForward): LinearLayer[] {
  if (layer.kind !== 'mixture') return mlpLinears(layer);
  const { latent, shared } = layer;
  return [
    ...(latent ? [latent.into, latent.out] : []),
    ...(shared ? mlpLinears(shared.mlp) : []),
    ...(shared?.gate ? [shared.gate] : []),
  ];
}

/** The linear layers of the experts, in the order of the computation. */
export function expertLinears(layer: FeedForward): LinearLayer[] {
  return layer.kind === 'mixture' ? layer.experts.flatMap((expert) => [...layersBefore(expert), expert.down]) : [];
}

/** The tensors of a feed-forward part in the checkpoint and their shapes. */
export function feedForwardWeights(layer: FeedForward): [name: string, shape: number[]][] {
  if (layer.kind !== 'mixture') return mlpWeights(layer);
  const linears = [...expertLinears(layer), ...feedForwardLinears(layer)];
  return [...routerWeights(layer.router), ...linears.flatMap(linearWeights)];
}

/** The matrix of a linear layer as a module. */
export function moduleOf({ path, in: width, out, transposed }: LinearLayer): AdaptableModule {
  return { path, in: width, out, ...(transposed === true && { transposed }) };
}
