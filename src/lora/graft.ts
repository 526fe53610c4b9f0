import { EspalierError } from '../core/index.ts';
import { moduleKey, Tape, type Model, type Value } from '../ir/index.ts';
import { tensorOf, type TensorData } from '../tensor/index.ts';
import { findModules, loraKey, type GraphModule, type LinearNode } from './linear-nodes.ts';

/** What an injection put into a graph, module by module. */
export interface InjectionReport {
  readonly modules: readonly {
    readonly path: string;
    readonly in: number;
    readonly out: number;
    /** Names of the linear nodes whose results are changed. */
    readonly nodes: readonly string[];
  }[];
  /** Names of the graph inputs that were added, in their order. */
  readonly inputs: readonly string[];
}

/**
 * Records what is added to a linear layer's result.
 *
 * @param tape  records behind the linear node
 * @param x     f32 [tokens, in]
 * @param y     f32 [tokens, out], the layer's own result; undefined where another node adds it
 * @returns f32 [tokens, out]: the update, with y added where it is given
 */
export type Graft = (tape: Tape, x: Value, y: Value | undefined) => Value;

/** @throws EspalierError LORA_MODULES_INVALID with everything that is wrong, before anything is changed */
export function requireModules(
  model: Model,
  paths: readonly string[],
  options: { readonly sharedInput?: string | undefined; readonly problems?: readonly string[] } = {},
): GraphModule[] {
  const { modules, problems } = findModules(model.graph, paths);
  const names = modules.flatMap(({ path }) => [`${path}.lora_A`, `${path}.lora_B`]);
  const taken = [...names, options.sharedInput ?? ''].filter((name) => model.graph.value(name) !== undefined);
  const all = [
    ...problems,
    ...(options.problems ?? []),
    ...taken.map((name) => `the graph has a value ${name} already`),
  ];
  if (all.length > 0) throw new EspalierError('LORA_MODULES_INVALID', { problems: all.join('; ') });
  return modules;
}

/** A graph input of an injection; `owner` is the module's path, or '*' where all modules read it. */
export function addLoraInput(
  { graph }: Model,
  name: string,
  { owner, shape }: { readonly owner: string; readonly shape: readonly (number | string)[] },
): Value {
  return marked(graph.addInput(name, 'float32', shape), owner);
}

/** A constant of an injection, named within the tape's scope. */
export function loraConstant(tape: Tape, tensor: TensorData, options: { name: string; owner: string }): Value {
  return marked(tape.constant(tensor, options.name), options.owner);
}

/** Puts a graft on every node of a module: what read the node's result reads the changed one from now on. */
export function graftModule(model: Model, module: GraphModule, graft: Graft): void {
  const { path } = module;
  for (const linear of module.nodes) {
    const tape = new Tape(model, {
      scope: `${path}/lora`,
      metadata: { [loraKey]: path },
      insertAfter: linear.node,
    });
    const result = linear.x.shape?.length === 2 ? graft(tape, linear.x, linear.y) : graftFlat(tape, linear, graft);
    const own = [...linear.y.uses].map(({ node }) => node).filter((node) => node.metadata.get(loraKey) === path);
    model.graph.replaceAllUses(linear.y, result, { except: own });
  }
}

/** For an input with other axes than [tokens, in]: the update of all its rows in one list, folded back to y's shape. */
function graftFlat(tape: Tape, { node, x, y, in: width }: LinearNode, graft: Graft): Value {
  const owner = node.metadata.get(moduleKey) ?? '';
  const shape = loraConstant(tape, tensorOf('int64', [2], [-1, width]), { name: 'rows', owner });
  const update = graft(tape, tape.op('Reshape', [x, shape]), undefined);
  return tape.op('Add', [y, tape.op('Reshape', [update, tape.op('Shape', [y])])]);
}

export function reportOf(modules: readonly GraphModule[], inputs: readonly Value[]): InjectionReport {
  return {
    modules: modules.map(({ path, nodes, ...size }) => ({
      path,
      in: size.in,
      out: size.out,
      nodes: nodes.map(({ node }) => node.name),
    })),
    inputs: inputs.map(({ name }) => name),
  };
}

function marked(value: Value, owner: string): Value {
  value.metadata.set(loraKey, owner);
  return value;
}
