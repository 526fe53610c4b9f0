import { EspalierError } from '../core/index.ts';
import {
  exactDequantization,
  exactProducts,
  inferShapes,
  runPasses,
  Tape,
  type Model,
  type Node,
  type Value,
} from '../ir/index.ts';
import { microsoft, scalar } from './emit.ts';
import { findGradientPath, isFloat, type GradientPath } from './gradient-path.ts';
import { GradientRegistry } from './gradient-registry.ts';
import type { AnyContext, GradientRule, GradientThunk, InputGradients } from './gradient-rule.ts';
import { standardLowerings } from './lowering/index.ts';
import { loweringPass } from './lowering/lowering-pass.ts';
import { notDefined } from './not-defined.ts';
import { standardRules } from './rules/index.ts';
import { printShape, unbroadcast } from './unbroadcast.ts';

export interface DifferentiateOptions {
  /** A float scalar, shape []. */
  readonly loss: Value;
  /** Inputs, initializers or any other float values of the graph. */
  readonly parameters: readonly Value[];
  /** The rules to use. Default: the standard rules. */
  readonly registry?: GradientRegistry;
  /** Is filled with the gradient of every value between the parameters and the loss, for `recompute`. */
  readonly totals?: Map<Value, Value>;
}

/** Metadata of every backward node: the name of the forward node whose gradient it helps to build. */
export const gradientKey = 'espalier.gradient';

const lowestOpset = 16;

/**
 * Appends to the graph the nodes that compute the gradient of a loss (reverse mode). Only nodes between a parameter and the loss are
 * differentiated, and only the gradients that a parameter needs are built. A frozen weight costs nothing, and nodes below the lowest
 * parameter are not touched. The model's outputs do not change. Fused operators on the path (for example attention) are first rewritten
 * as smaller ones that compute the same.
 *
 * @returns for each parameter its gradient, of the parameter's dtype and shape
 * @throws EspalierError LOSS_NOT_SCALAR, PARAMETER_UNREACHABLE, GRADIENT_NOT_DEFINED, AMBIGUOUS_BROADCAST, GRADIENT_SHAPE_UNKNOWN,
 *   GRADIENT_OPSET; no gradient nodes are left in the graph then
 */
export function differentiate(model: Model, options: DifferentiateOptions): Map<Value, Value> {
  const { registry = new GradientRegistry(standardRules, standardLowerings) } = options;
  inferShapes(model);
  assertOpset(model);
  if (!model.opsets.has(microsoft)) model.opsets.set(microsoft, 1);
  assertScalar(options.loss);
  const lowering = loweringPass(options, registry);
  runPasses(model, [lowering, exactProducts, exactDequantization]);
  const { loss, parameters } = lowering.endpoints;
  const path = findGradientPath(model.graph, { loss, parameters }, registry);
  const nodesBefore = model.graph.nodes.length;
  try {
    const gradients = new Backward(model, path, { registry, totals: options.totals }).run(loss, parameters);
    return new Map(gradients.map((gradient, index) => [options.parameters[index] ?? gradient, gradient]));
  } catch (error) {
    for (const node of model.graph.nodes.slice(nodesBefore).reverse()) model.graph.removeNode(node);
    throw error;
  }
}

interface BackwardOptions {
  readonly registry: GradientRegistry;
  readonly totals: Map<Value, Value> | undefined;
}

/** One walk from the loss back to the parameters. */
class Backward {
  readonly #tape: Tape;
  readonly #path: GradientPath;
  readonly #registry: GradientRegistry;
  readonly #totals: Map<Value, Value> | undefined;
  /** For each value, the gradients that its readers contribute. */
  readonly #contributions = new Map<Value, Value[]>();

  constructor(model: Model, path: GradientPath, { registry, totals }: BackwardOptions) {
    this.#tape = new Tape(model, { scope: 'gradient' });
    this.#path = path;
    this.#registry = registry;
    this.#totals = totals;
  }

  /** The gradients, in the order of the parameters. */
  run(loss: Value, parameters: readonly Value[]): Value[] {
    this.#contributions.set(loss, [scalar(this.#tape, 1, loss)]);
    for (const node of [...this.#path.nodes].reverse()) this.#visit(node);
    const gradients: Value[] = [];
    for (const parameter of parameters) gradients.push(this.#ownGradient(parameter, new Set(gradients)));
    return gradients;
  }

  /** WHY the Identity: the caller makes the gradient a graph output, and neither constants nor two parameters can share an output. */
  #ownGradient(parameter: Value, taken: ReadonlySet<Value>): Value {
    const gradient = this.#total(parameter) ?? parameter;
    if (gradient.producer?.metadata.has(gradientKey) && !taken.has(gradient)) return gradient;
    const name = parameter.name;
    return this.#tape.scoped(name, { [gradientKey]: name }).op('Identity', [gradient]);
  }

  #visit(node: Node): void {
    const rule = this.#registry.find(node);
    const gradients = node.outputs.map((output) => output && this.#total(output));
    for (const [index, gradient] of gradients.entries()) {
      const output = node.outputs[index];
      if (output && gradient) this.#totals?.set(output, gradient);
    }
    if (rule === undefined || gradients.every((gradient) => gradient === undefined)) return;
    this.#assertUsed(rule, node, gradients);
    const tape = this.#tape.scoped(node.label, { [gradientKey]: node.label });
    const wanted = (index: number): boolean => this.#isWanted(node.inputs[index]);
    const result = rule.backward(contextOf(rule, { node, tape, outputGradients: gradients, wanted }));
    for (const [index, input] of node.inputs.entries()) {
      if (input === undefined || !wanted(index)) continue;
      const thunk = pick(result, rule, index);
      if (thunk === undefined) throw this.#missing(node, `input ${index} of ${node.qualifiedType}`, input);
      this.#contribute(input, unbroadcast(tape, checkedDtype(thunk(), input, node), input, node));
    }
  }

  #isWanted(value: Value | undefined): boolean {
    return value !== undefined && this.#path.values.has(value);
  }

  #contribute(value: Value, gradient: Value): void {
    const list = this.#contributions.get(value);
    if (list) list.push(gradient);
    else this.#contributions.set(value, [gradient]);
  }

  /** The gradient of a value, which is the sum of its contributions; undefined if there are none. */
  #total(value: Value): Value | undefined {
    const list = this.#contributions.get(value) ?? [];
    const [first] = list;
    if (first === undefined || list.length === 1) return first;
    const name = value.producer?.label ?? value.name;
    const tape = this.#tape.scoped(name, { [gradientKey]: name });
    const sum = tape.op(list.length === 2 ? 'Add' : 'Sum', list);
    this.#contributions.set(value, [sum]);
    return sum;
  }

  /** Checks that the rule uses every output that has a gradient; otherwise that gradient would be lost silently. */
  #assertUsed(rule: GradientRule, node: Node, gradients: readonly (Value | undefined)[]): void {
    const { outputs } = rule;
    if (outputs === 'variadic') return;
    const lost = gradients.findIndex((gradient, index) => gradient !== undefined && index >= outputs.length);
    const output = node.outputs[lost];
    if (output) throw this.#missing(node, `output ${lost} of ${node.qualifiedType}`, output);
    for (const [index, name] of outputs.entries()) {
      if (gradients[index] || name.endsWith('?')) continue;
      throw this.#missing(node, `${node.qualifiedType} without a gradient of its output ${name}`, node.outputs[index]);
    }
  }

  #missing(node: Node, what: string, value: Value | undefined): EspalierError {
    return notDefined(node, what, value && this.#path.explain(value));
  }
}

type Visit = Pick<AnyContext, 'node' | 'tape' | 'outputGradients' | 'wanted'>;

function contextOf(rule: GradientRule, visit: Visit): AnyContext {
  const outputs = rule.outputs === 'variadic' ? [] : rule.outputs;
  return {
    ...visit,
    inputs: byName(rule.inputs, visit.node.inputs),
    outputs: byName(outputs, visit.node.outputs),
    gradients: byName(outputs, visit.outputGradients),
  };
}

function byName(names: readonly string[], values: readonly (Value | undefined)[]): Record<string, Value | undefined> {
  return Object.fromEntries(names.map((name, index) => [plainName(name), values[index]]));
}

function plainName(name: string | undefined): string {
  return name?.replace('?', '') ?? '';
}

function pick(result: InputGradients, rule: GradientRule, index: number): GradientThunk | undefined {
  if (isList(result)) return result[index];
  return result[plainName(rule.inputs[index])];
}

function isList(result: InputGradients): result is readonly (GradientThunk | undefined)[] {
  return Array.isArray(result);
}

function checkedDtype(gradient: Value, input: Value, node: Node): Value {
  if (gradient.dtype === input.dtype) return gradient;
  throw new EspalierError('GRADIENT_MISMATCH', {
    opType: node.qualifiedType,
    node: node.label,
    value: input.name,
    actual: `${gradient.dtype ?? 'no type'} ${printShape(gradient.shape)}`,
    expected: `${input.dtype ?? 'no type'} ${printShape(input.shape)}`,
  });
}

function assertOpset(model: Model): void {
  const actual = model.opsets.get('') ?? 0;
  if (actual < lowestOpset) throw new EspalierError('GRADIENT_OPSET', { needed: lowestOpset, actual });
}

function assertScalar(loss: Value): void {
  if (isFloat(loss) && loss.shape?.length === 0) return;
  const actual = `${loss.dtype ?? 'no type'} ${printShape(loss.shape)}`;
  throw new EspalierError('LOSS_NOT_SCALAR', { loss: loss.name, actual });
}
