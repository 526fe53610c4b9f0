import { EspalierError } from '../../core/index.ts';
import { moduleKey, modulePartsKey, Tape, type Model, type Node, type Value } from '../../ir/index.ts';
import { findModules } from '../targets/find-modules.ts';
import { adapterKey, givenKey, loraKey } from './lora-keys.ts';
import { initializerOf } from '../targets/module-names.ts';
import type { SavedParameter } from '../adapter.ts';

/** A parameter that replaces one of the base. */
export interface GivenParameter extends SavedParameter {
  /** Whether a linear module's weight is given as [in, out], as in the checkpoint. Default: [out, in]. */
  readonly transposed?: boolean;
}

/** A place where a parameter is read, with the value that was there before, so that it can be restored. */
interface ReplacedUse {
  readonly node: string;
  readonly index: number;
  readonly value: string;
}

/** The record in an input's metadata of the values that it replaces. */
export interface GivenRecord {
  readonly uses: readonly ReplacedUse[];
  /** The initializer that was renamed to free its name, with both names. */
  readonly renamed?: { readonly from: string; readonly to: string };
}

/**
 * Makes parameters inputs of a graph, f32 under their names in the checkpoint, so that an adapter can replace them (`modules_to_save`).
 * A matrix that two modules share is replaced only for the named module. `removeLora` restores everything.
 *
 * @returns the names of the inputs
 * @throws EspalierError LORA_MODULES_INVALID for every parameter that does not exist or is not a plain weight, and for a name that an
 *   input or an output of the graph already has. The graph is then unchanged.
 */
export function injectParameters(
  model: Model,
  parameters: readonly GivenParameter[],
  { adapter }: { readonly adapter?: string } = {},
): string[] {
  const found = parameters.map((parameter) => ({ parameter, uses: usesOf(model, parameter) }));
  const names = parameters.map(({ name }) => givenName(name, adapter));
  const problems = [
    ...found.flatMap(({ parameter, uses }) => (typeof uses === 'string' ? [`${parameter.name} ${uses}`] : [])),
    ...names.flatMap((name, i) => (names.indexOf(name) === i ? nameProblems(model, name) : [`${name} comes twice`])),
  ];
  if (problems.length > 0) throw new EspalierError('LORA_MODULES_INVALID', { problems });
  return found.map(({ parameter, uses }) =>
    replace(model, parameter, { uses: typeof uses === 'string' ? [] : uses, adapter }),
  );
}

/** The name of a parameter's input. */
function givenName(name: string, adapter: string | undefined): string {
  return adapter === undefined ? name : `${name}.${adapter}`;
}

/** The problems of a name. A weight can be renamed; an input or an output of the graph cannot. */
function nameProblems({ graph }: Model, name: string): string[] {
  const value = graph.value(name);
  if (value?.isGraphInput) return [`${name} is the name of an input of the graph`];
  return value?.isGraphOutput ? [`${name} is the name of an output of the graph`] : [];
}

/** Whether a graph has this parameter, in a form that can be replaced. */
export function canInject(model: Model, parameter: GivenParameter): boolean {
  return typeof usesOf(model, parameter) !== 'string';
}

interface FoundUse {
  readonly node: Node;
  readonly index: number;
  readonly value: Value;
  /** The node reads the transpose of the checkpoint's matrix. */
  readonly turned: boolean;
}

/** The places where a parameter is read, or the reason why it cannot be replaced. */
function usesOf({ graph }: Model, parameter: GivenParameter): FoundUse[] | string {
  const { name, shape, transposed = false } = parameter;
  const path = name.slice(0, name.lastIndexOf('.'));
  const part = name.slice(name.lastIndexOf('.') + 1);
  const [module] = findModules(graph, [path]).modules;
  if (module === undefined) return looseUses(graph.initializers.get(name), shape);
  if (module.places.some((place) => place.part !== undefined)) return 'is part of a packed weight';
  const uses = module.places.flatMap(({ site }): FoundUse[] => {
    const value = part === 'bias' ? site.bias : site.weight;
    const index = site.node.inputs.indexOf(value);
    const turned = part === 'weight' && site.kind === 'linear' && site.transposed !== transposed;
    return value === undefined ? [] : [{ node: site.node, index, value, turned }];
  });
  if (uses.length !== module.places.length) return 'is not there';
  return uses.find((use) => !isTableOfHalves(use) && !isFloat(use.value)) !== undefined
    ? 'is not a weight of floats in the graph'
    : uses.find(({ value, turned }) => !fits(value, shape, turned)) !== undefined
      ? 'is not of that shape in the graph'
      : named(uses);
}

/** All readers of an initializer, or of a cast of it, that are not modules. */
function looseUses(initializer: Value | undefined, shape: readonly number[]): FoundUse[] | string {
  if (initializer === undefined) return 'is not in the graph';
  const [first] = initializer.uses;
  const value = (first?.node.opType === 'Cast' ? first.node.outputs[0] : undefined) ?? initializer;
  // WHY no modules: a module among the readers is another one that shares the matrix, and keeps it.
  const uses = [...value.uses].filter(
    ({ node: { metadata } }) => !metadata.has(moduleKey) && !metadata.has(modulePartsKey),
  );
  if (uses.length === 0) return 'is not in the graph';
  if (!isFloat(value)) return 'is not a weight of floats in the graph';
  if (!fits(value, shape, false)) return 'is not of that shape in the graph';
  return named(uses.map(({ node, index }) => ({ node, index, value, turned: false })));
}

function named(uses: FoundUse[]): FoundUse[] | string {
  return uses.some(({ node }) => node.name === '') ? 'is read by a node without a name' : uses;
}

function fits({ shape: found }: Value, shape: readonly number[], turned: boolean): boolean {
  return found?.join() === (turned ? shape.toReversed() : shape).join();
}

function isFloat(value: Value): boolean {
  return value.dtype === 'float32' || initializerOf(value) === undefined;
}

/** Whether rows are selected from a table of halves. They become f32 after that, so that the table may be f32 too. */
function isTableOfHalves({ node, value }: Pick<FoundUse, 'node' | 'value'>): boolean {
  return node.opType === 'Gather' && (value.dtype === 'float16' || value.dtype === 'bfloat16');
}

function replace(
  model: Model,
  { name, shape }: GivenParameter,
  { uses, adapter }: { readonly uses: readonly FoundUse[]; readonly adapter: string | undefined },
): string {
  const { graph } = model;
  const inputName = givenName(name, adapter);
  const renamed = makeRoom(model, inputName);
  const input = graph.addInput(inputName, 'float32', shape);
  const record: GivenRecord = {
    uses: uses.map(({ node, index, value }) => ({ node: node.name, index, value: value.name })),
    ...(renamed && { renamed }),
  };
  const metadata = { [loraKey]: name, ...(adapter !== undefined && { [adapterKey]: adapter }) };
  for (const [key, text] of Object.entries({ ...metadata, [givenKey]: JSON.stringify(record) }))
    input.metadata.set(key, text);
  for (const { node, index, value, turned } of uses) {
    const tape = new Tape(model, { scope: `${name}/lora`, metadata, insertBefore: node });
    node.setInput(index, turned ? tape.op('Transpose', [input], { attributes: { perm: [1, 0] } }) : input);
    if (isTableOfHalves({ node, value })) setRowType(node, 'float32');
  }
  return inputName;
}

/** The type of the rows that a node selects is that of its table. */
function setRowType({ outputs: [rows] }: Node, dtype: Value['dtype']): void {
  if (rows) rows.dtype = dtype;
}

/** Renames the base's own weight, so that the input that replaces it can have its name. */
function makeRoom({ graph }: Model, name: string): GivenRecord['renamed'] {
  const value = graph.value(name);
  if (value === undefined) return undefined;
  const to = graph.uniqueName(`${name}.base`);
  graph.rename(value, to);
  return { from: name, to };
}

/** Restores the values that an input of `injectParameters` replaced. The input itself is removed with the rest of the injection. */
export function restoreUses({ graph }: Model, input: Value): void {
  for (const { node: name, index, value: valueName } of recordOf(input)?.uses ?? []) {
    const node = graph.nodes.find((one) => one.name === name);
    const value = graph.value(valueName);
    if (node === undefined || value === undefined)
      throw new TypeError(`${input.name} does not say what it took the place of`);
    node.setInput(index, value);
    if (isTableOfHalves({ node, value })) setRowType(node, value.dtype);
  }
}

/** The record of such an input; undefined for every other value. */
export function recordOf({ metadata }: Value): GivenRecord | undefined {
  const text = metadata.get(givenKey);
  // WHY `as`: `replace` wrote the record that is read here.
  return text === undefined ? undefined : (JSON.parse(text) as GivenRecord);
}
