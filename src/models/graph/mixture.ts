import { expertsKey, moduleKey, type AdaptableModule, type ExpertGroup, type Value } from '../../ir/index.ts';
import { gatedUnit, type GatedUnit } from './gated-unit.ts';
import type { GraphBuilder } from './graph-builder.ts';
import { linear, linearWeights, type LinearLayer } from './linear.ts';
import { mlp, mlpLinears, mlpWeights, type MlpLayer } from './mlp.ts';
import { dispatch, route, routerWeights, type Dispatch, type RouterLayer } from './routing.ts';

/** One expert of a mixture: down(activation(gate(x)) ∘ up(x)). All experts of a mixture are of the same kind. */
export type Expert = {
  readonly down: LinearLayer;
} & (
  | { readonly gate: LinearLayer; readonly up: LinearLayer }
  /** One matrix, whose results are those of gate and up in turns: gate 0, up 0, gate 1, ... */
  | { readonly gateUp: LinearLayer }
);

/** A feed-forward part that consists of experts, of which each token uses a few. */
export interface MixtureLayer extends GatedUnit {
  readonly kind: 'mixture';
  readonly path: string;
  readonly router: RouterLayer;
  readonly experts: readonly Expert[];
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
 * The rows of each expert lie together, and each expert multiplies only its own. Without rows a product costs nothing but the call, and
 * no weight is read.
 *
 * WHY the activation reads the rows of all experts at once: three nodes for each expert are then enough. With many experts, the calls
 * without rows are what a mixture costs beyond a dense part of the same size.
 */
function mixture(builder: GraphBuilder, x: Value, layer: MixtureLayer): Value {
  const { path, router, experts, shared } = layer;
  const tape = builder.tape(path);
  const sent = dispatch(tape, x, { routes: route(builder, x, router), router });
  const inner = gatedUnit(tape, gateAndUp(builder, layer, sent), layer);
  const down = grouped(builder, sent.split(inner), { sent, layers: experts.map((expert) => expert.down) });
  const marked = builder
    .tape(`${path}.experts.down_proj`, markOf(layer, 'down_proj', { sent, rows: inner }))
    .op('Identity', [down]);
  const sum = sent.combine(marked);
  return shared === undefined ? sum : tape.op('Add', [sum, sharedPart(builder, x, shared)]);
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
  const parts = sent.split(sent.rows);
  const every = layer.experts.map(layersBefore);
  const products = (every[0] ?? []).map((_, place) =>
    grouped(builder, parts, { sent, layers: every.flatMap((layers) => layers[place] ?? []) }),
  );
  const marked = builder.tape(path, markOf(layer, 'gate_up_proj', { sent, rows: sent.rows }));
  const tape = builder.tape(path);
  const [first] = products;
  if (products.length > 1) {
    const both = marked.op('Concat', products, { attributes: { axis: -1 } });
    return twoOf(tape.ops('Split', [both], { outputs: 2, attributes: { axis: -1, num_outputs: 2 } }), first?.shape);
  }
  const both = marked.op('Identity', products);
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

/** The layers of an expert before its activation: gate and up, or both in one. */
export function layersBefore(expert: Expert): readonly LinearLayer[] {
  return 'gateUp' in expert ? [expert.gateUp] : [expert.gate, expert.up];
}

/** The metadata of a node whose result adapters of the experts change. */
function markOf(
  { path, experts, router }: MixtureLayer,
  parameter: 'gate_up_proj' | 'down_proj',
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

/** The parameters of the experts as modules: gate and up of all experts in one, as in transformers, and down. */
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
    module('gate_up_proj', layer.router.hidden, outOf(layersBefore(first))),
    module('down_proj', first.down.in, first.down.out),
  ];
}

function outOf(layers: readonly LinearLayer[]): number {
  return layers.reduce((sum, { out }) => sum + out, 0);
}

/** Multiplies the rows of each expert with its own matrix. @param parts  f32 [rows of the expert, in] @returns f32 [rows, out] */
function grouped(
  builder: GraphBuilder,
  parts: readonly Value[],
  { sent, layers }: { readonly sent: Dispatch; readonly layers: readonly LinearLayer[] },
): Value {
  const products = layers.flatMap((layer, index) => {
    const part = parts[index];
    return part === undefined ? [] : [linear(builder, part, layer)];
  });
  return sent.join(products, layers[0]?.out ?? 0);
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
  const { shared } = layer;
  return shared === undefined ? [] : [...mlpLinears(shared.mlp), ...(shared.gate ? [shared.gate] : [])];
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
