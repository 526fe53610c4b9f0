import type { Steps } from '../../core/index.ts';
import {
  byteRounding,
  Graph,
  roundedRows,
  sameValue,
  sortNodes,
  Tape,
  type Model,
  type Node,
  type RoundedRows,
  type Value,
} from '../../ir/index.ts';
import type { GraftPlace } from './graft.ts';
import { loraKey, sharedOwner } from './lora-keys.ts';
import {
  fewInputs,
  fewTokens,
  manyTokens,
  type ByteItems,
  type ByteStack,
  type RoundedInput,
} from './stacked-bytes.ts';

/** A module whose result is to be changed, and the node that stands for its changed result. */
export interface HeldModule {
  readonly stack: ByteStack;
  /** f32 [tokens, in]; where the module's own product is one of bytes, as that rounds it: x / s */
  readonly x: Value;
  /** f32 [tokens, out] */
  readonly y: Value;
  /** How the module's own product of bytes rounds x. */
  readonly own: RoundedInput | undefined;
  /** The result of an Identity: of y, until `changeHeldSteps` gives it the changed result. */
  readonly sum: Value;
}

/** Records a node that stands for the changed result, until all modules are known. */
export function holdModule(tape: Tape, { site, x, y }: GraftPlace, stack: ByteStack): HeldModule {
  if (!y) throw new TypeError(`${stack.path} is not computed as a list of rows`);
  const own = ownRounding(site.node);
  return { stack, x: own?.x ?? x, y, own, sum: tape.op('Identity', [y], { name: 'sum' }) };
}

export interface Inputs {
  readonly items: ByteItems;
  /** f32 [tokens, R] or [1, R] */
  readonly mask: Value;
}

/**
 * Computes the changed results of all modules, those of one input together:
 *
 *   If active:  If few tokens: y' by products of bytes, else y' by products of floats
 *   else:       y
 *
 * WHY together: entering a branch takes as long as several of the small products in it, and modules of one input (queries, keys and
 * values; gate and up) round and select it once. They depend on nothing of each other, since a linear module reads its input alone.
 * WHY active first: a branch is given all that its own branches read, the matrices of adapters too, before it is entered.
 */
export function* changeHeldSteps(model: Model, modules: readonly HeldModule[], inputs: Inputs): Steps<void> {
  for (const group of groupsOf(modules)) {
    yield;
    changeGroup(model, group, inputs);
  }
  sortNodes(model.graph);
}

function changeGroup(model: Model, group: readonly HeldModule[], { items, mask }: Inputs): void {
  const [first, last] = [group.at(0), group.at(-1)?.sum.producer];
  if (!first || !last) return;
  const scope = `${first.stack.path}/lora`;
  const constants = new Map<string, Value>();
  const outer = new Tape(model, { scope, insertAfter: last, metadata: { [loraKey]: sharedOwner } }, constants);
  // WHY here: kernels that need narrower inputs replace these two in the graph itself.
  const rounding = byteRounding(outer);
  const few = (tape: Tape): Value[] => {
    const rounded = first.own ?? { ...rounding, ...sized(roundedRows(tape, first.x)) };
    const shared = fewInputs(tape, rounded, items);
    return group.map(({ y, stack }) => fewTokens(tape, y, stack, shared));
  };
  const many = (tape: Tape): Value[] => group.map(({ y, stack }) => manyTokens(tape, { x: first.x, y, mask }, stack));
  const none = (tape: Tape): Value[] => group.map(({ y }) => tape.op('Identity', [y]));
  const active = (tape: Tape): Value[] =>
    either(tape, items.isFew, { name: 'few', record: few }, { name: 'many', record: many });
  const either = (on: Tape, condition: Value, then: Branch, otherwise: Branch): Value[] => {
    const branches = { then_branch: branch(on.model, then), else_branch: branch(on.model, otherwise) };
    return on.ops('If', [condition], { attributes: branches, name: 'B', outputs: group.length, dtype: 'float32' });
  };
  const branch = (parent: Model, { name, record }: Branch): Graph => {
    const graph = new Graph(`${scope}/${name}`, parent.graph);
    const tape = new Tape({ ...model, graph }, { scope: `${scope}/${name}` }, constants);
    for (const value of record(tape)) graph.addOutput(value);
    return graph;
  };
  const results = either(outer, items.isActive, { name: 'active', record: active }, { name: 'none', record: none });
  for (const [index, { sum, y }] of group.entries()) {
    const result = results[index];
    if (result) result.shape = y.shape;
    sum.producer?.setInput(0, result);
  }
}

/** The modules that round and read the same input, in the order in which they were held, which is that of the graph. */
function groupsOf(modules: readonly HeldModule[]): HeldModule[][] {
  const groups: HeldModule[][] = [];
  const byRoot = new Map<Value, HeldModule[][]>();
  for (const module of modules) {
    const root = rootOf(module.x);
    const near = byRoot.get(root) ?? [];
    const group = near.find(([first]) => first && readsAlike(first, module));
    if (group) {
      group.push(module);
      continue;
    }
    const own = [module];
    groups.push(own);
    byRoot.set(root, [...near, own]);
  }
  return groups;
}

function readsAlike({ own: one }: HeldModule, { own: other }: HeldModule): boolean {
  return one && other ? sameValue(one.levels, other.levels) : one === other;
}

/** What is divided by its scale before it is rounded, or the value itself: builders record it for each module anew. */
function rootOf(x: Value): Value {
  return (x.producer?.opType === 'Div' ? x.producer.inputs[0] : undefined) ?? x;
}

/** How a product of bytes that `quantizedLinear` builds rounds its input; undefined for other products. */
function ownRounding(node: Node): (RoundedInput & { readonly x: Value }) | undefined {
  if (node.opType !== 'MatMulIntegerToFloat') return undefined;
  const [levels, , step, , middle] = node.inputs;
  const x = levels?.producer?.inputs[0];
  return x && levels && step && middle ? { x, levels, step, middle } : undefined;
}

interface Branch {
  readonly name: string;
  readonly record: (tape: Tape) => readonly Value[];
}

function sized({ levels, scale }: RoundedRows): Pick<RoundedInput, 'levels' | 'size'> {
  return { levels, size: scale };
}
