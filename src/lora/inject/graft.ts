import { EspalierError, finishNow, type Steps } from '../../core/index.ts';
import { Tape, type Graph, type Model, type Node, type Value } from '../../ir/index.ts';
import { dataTypeNumber, tensorOf, type DataType, type TensorData } from '../../tensor/index.ts';
import { findModules, type GraphModule, type ModulePlace, type SitePart } from '../targets/find-modules.ts';
import { adapterKey, loraKey, replacesKey, sharedOwner } from './lora-keys.ts';
import { readSite, type ModuleSite } from '../targets/module-sites.ts';

/** The changes that an injection made to a graph, module by module. */
export interface InjectionReport {
  readonly modules: readonly {
    readonly path: string;
    readonly in: number;
    readonly out: number;
    /** Names of the nodes whose results are changed. */
    readonly nodes: readonly string[];
  }[];
  /** Names of the graph inputs that were added, in their order. */
  readonly inputs: readonly string[];
}

/** The values that a graft gets at the place that it changes. */
export interface GraftPlace {
  /** f32 [tokens, in], or [in, tokens] if the site is transposed; integers [tokens] for an embedding; the whole x for a convolution. */
  readonly x: Value;
  /** f32 [tokens, out], the module's own result; undefined if another node adds it. */
  readonly y: Value | undefined;
  readonly site: ModuleSite;
  /** The range of a packed node's result that belongs to the module. `site.y` is then only that range. */
  readonly part?: SitePart;
}

/**
 * Records the nodes that compute the update of a module's result.
 *
 * @param tape records after the module's node
 * @returns the update, f32 [tokens, out], or [batch, out, ...] for a convolution; if `place.y` is given, the sum of y and the update
 */
export type Graft = (tape: Tape, place: GraftPlace) => Value;

/** Records the nodes that transform the sum of a module's result and its update; f32 [..., out]. */
export type Finish = (tape: Tape, sum: Value, place: ModulePlace) => Value;

/** The change of a module's result. */
export interface Update {
  readonly graft: Graft;
  /** Default: the sum itself. */
  readonly finish?: Finish | undefined;
}

/** The graft of one module. */
export interface ModuleGraft extends Update {
  readonly module: GraphModule;
}

/** The graft of one module whose rows have different adapters. */
export interface LaneGraft {
  readonly module: GraphModule;
  /** In the order of the rows. */
  readonly lanes: readonly Lane[];
  /** Records the changes of all lanes at once after `after`, where it can: the changed result of the whole site. */
  readonly together?: ((site: ModuleSite, after: Node) => Value | undefined) | undefined;
}

/** A range of rows with one adapter. */
export interface Lane {
  readonly adapter: string;
  /** undefined if the rows keep the module's own result. */
  readonly update: Update | undefined;
}

/** Splits a value along its rows, into one part for each lane. Records its nodes after `after`, if it has not done so before. */
export type SplitRows = (value: Value, after: Node) => { readonly parts: readonly Value[]; readonly after: Node };

export interface RequireOptions {
  readonly adapter?: string | undefined;
  /** Names of graph inputs that will be added. */
  readonly inputs: readonly string[];
  /** Further problems of the modules that were found. */
  readonly problemsOf?: (modules: readonly GraphModule[]) => readonly string[];
}

/** @throws EspalierError LORA_MODULES_INVALID with all problems, before anything is changed */
export function requireModules(
  model: Model,
  paths: readonly string[],
  { adapter, inputs, problemsOf = () => [] }: RequireOptions,
): GraphModule[] {
  const { modules, problems } = findModules(model.graph, paths, { adapter });
  const names = valueNames(model.graph);
  const taken = inputs.filter((name) => names.has(name)).map((name) => `the graph has a value ${name} already`);
  const all = [...problems, ...problemsOf(modules), ...taken];
  if (all.length > 0) throw new EspalierError('LORA_MODULES_INVALID', { problems: all });
  return modules;
}

/** The names of all values, also in subgraphs, where a name would hide an input of the whole graph. */
function valueNames(graph: Graph): Set<string> {
  const inner = graph.nodes.flatMap(({ subgraphs }) => subgraphs.flatMap((subgraph) => [...valueNames(subgraph)]));
  return new Set([...Array.from(graph.values(), ({ name }) => name), ...inner]);
}

/** The owner of an added value: a module's path, or '*' if all modules read it; and the name of the adapter, if it has one. */
export interface LoraOwner {
  readonly owner: string;
  readonly adapter?: string | undefined;
}

/** Adds a graph input of an injection. */
export function addLoraInput(
  { graph }: Model,
  name: string,
  {
    shape,
    dtype = 'float32',
    ...owner
  }: LoraOwner & { readonly shape: readonly (number | string)[]; readonly dtype?: DataType },
): Value {
  return marked(graph.addInput(name, dtype, shape), owner);
}

/** Adds a constant of an injection, named within the tape's scope. */
export function loraConstant(tape: Tape, tensor: TensorData, { name, ...owner }: LoraOwner & { name: string }): Value {
  return marked(tape.constant(tensor, name), owner);
}

/**
 * Adds grafts to every node of their modules. The readers of a node's result then read the changed result. The result of a node that
 * computes several modules is split once, and the parts of modules without a graft are not changed.
 */
export function graftModules(
  model: Model,
  grafts: readonly ModuleGraft[],
  options: { readonly adapter?: string | undefined } = {},
): void {
  finishNow(graftSteps(model, grafts, options));
}

/** As `graftModules`, with a yield after each node. */
export function graftSteps(
  model: Model,
  grafts: readonly ModuleGraft[],
  { adapter }: { readonly adapter?: string | undefined } = {},
): Steps<void> {
  const bench: Bench = { model, adapter };
  return graftAll(
    bench,
    grafts.map(({ module, ...update }) => ({
      module,
      change: ({ path, place }, { site, after }) => {
        const tape = tapeFor(bench, { owner: path, after });
        return changed(bench, { path, ...update }, { place, site, tape });
      },
    })),
  );
}

/**
 * Adds grafts to modules whose rows have different adapters. Each lane computes on its own rows alone, so that what is not finite in one
 * lane cannot reach another.
 */
export function graftLanes(model: Model, grafts: readonly LaneGraft[], splitRows: SplitRows): void {
  const changes = grafts.map(({ module, lanes, together }) => ({
    module,
    change: (placed: PlacedGraft, point: GraftPoint) =>
      together?.(point.site, point.after) ?? joinLanes(placed, point, { model, lanes, splitRows }),
  }));
  finishNow(graftAll({ model, adapter: undefined }, changes));
}

/** Records the change of one module's result at one place. */
type Change = (placed: PlacedGraft, point: GraftPoint) => Value;

interface PlacedGraft {
  readonly path: string;
  readonly place: ModulePlace;
  readonly change: Change;
}

interface ModuleChange {
  readonly module: GraphModule;
  readonly change: Change;
}

/** WHY in the order of the graph: a split of an input that several modules read must come before the first of them. */
function* graftAll(bench: Bench, changes: readonly ModuleChange[]): Steps<void> {
  const byNode = new Map<Node, PlacedGraft[]>();
  for (const { module, change } of changes) {
    for (const place of module.places) {
      const { node } = place.site;
      byNode.set(node, [...(byNode.get(node) ?? []), { path: module.path, place, change }]);
    }
  }
  const order = bench.model.graph.nodes.filter((node) => byNode.has(node));
  for (const node of order) {
    yield;
    graftNode(bench, byNode.get(node) ?? []);
  }
}

function graftNode(bench: Bench, placed: readonly PlacedGraft[]): void {
  const [first] = placed;
  if (first === undefined) return;
  const { part } = first.place;
  const site = current(first.place.site);
  const { graph } = bench.model;
  const before = new Set([...site.y.uses].map(({ node }) => node));
  const after = site.y.producer ?? site.node;
  const result = part === undefined ? first.change(first, { site, after }) : graftParts(bench, placed, { site, after });
  const readers = [...site.y.uses].filter(({ node }) => !before.has(node));
  const [reader] = readers;
  if (reader === undefined || result.producer === undefined) throw new TypeError('a graft left out its own result');
  result.producer.metadata.set(replacesKey, `${reader.node.name}:${reader.index}`);
  graph.replaceAllUses(site.y, result, { except: readers.map(({ node }) => node) });
}

/** WHY read again: the node's input may be the result of another module, which has been changed since the modules were found. */
function current({ node }: ModuleSite): ModuleSite {
  const result = readSite(node);
  if (result === undefined || 'problem' in result) throw new TypeError(`${node.label} was not checked`);
  return result.site;
}

/** The state that all grafts share. */
interface Bench {
  readonly model: Model;
  readonly adapter: string | undefined;
}

/** The value that is changed, and the node after which the graft is recorded. */
interface GraftPoint {
  readonly site: ModuleSite;
  readonly after: Node;
}

function tapeFor({ model, adapter }: Bench, { owner, after }: { owner: string; after: Node }): Tape {
  return new Tape(model, {
    scope: `${owner === sharedOwner ? after.label : owner}/${adapter === undefined ? 'lora' : `lora.${adapter}`}`,
    metadata: { [loraKey]: owner, ...(adapter !== undefined && { [adapterKey]: adapter }) },
    insertAfter: after,
  });
}

/**
 * Several modules in one result: it is split, the parts with an adapter are changed, and the parts are joined again.
 *
 * WHY not y + [Δq | 0 | Δv]: adding 0 changes -0, and the zeros would have to be written first.
 */
function graftParts(bench: Bench, placed: readonly PlacedGraft[], { site, after }: GraftPoint): Value {
  const widths = placed[0]?.place.part?.widths ?? [];
  const tape = tapeFor(bench, { owner: sharedOwner, after });
  const split = loraConstant(tape, tensorOf('int64', [widths.length], widths), {
    name: 'widths',
    owner: sharedOwner,
    adapter: bench.adapter,
  });
  const parts = tape.ops('Split', [site.y, split], { attributes: { axis: -1 }, outputs: widths.length });
  let last = parts[0]?.producer ?? after;
  const changed = parts.map((part, index) => {
    const graft = placed.find(({ place }) => place.part?.index === index);
    if (graft === undefined) return part;
    const result = graft.change(graft, { site: { ...site, y: part }, after: last });
    last = result.producer ?? last;
    return result;
  });
  return tapeFor(bench, { owner: sharedOwner, after: last }).op('Concat', changed, { attributes: { axis: -1 } });
}

/** Adds one module's update to its own result. */
function changed(
  bench: Bench,
  update: Update & { readonly path: string },
  { place, site, tape }: { readonly place: ModulePlace; readonly site: ModuleSite; readonly tape: Tape },
): Value {
  const sum = addUpdate(bench, update, { part: place.part, site, tape });
  return update.finish?.(tape, sum, { ...place, site }) ?? sum;
}

interface Lanes {
  readonly model: Model;
  readonly lanes: readonly Lane[];
  readonly splitRows: SplitRows;
}

/** The rows of x and of the module's own result are split, each lane is changed, and the rows are joined again. */
function joinLanes(
  { path, place }: PlacedGraft,
  { site, after }: GraftPoint,
  { model, lanes, splitRows }: Lanes,
): Value {
  const x = splitRows(site.x, after);
  const y = splitRows(site.y, x.after);
  let last = y.after;
  const rows = lanes.map(({ adapter, update }, lane) => {
    const own = { x: x.parts[lane] ?? site.x, y: y.parts[lane] ?? site.y };
    if (update === undefined) return own.y;
    const bench = { model, adapter };
    const tape = tapeFor(bench, { owner: path, after: last });
    const result = changed(bench, { path, ...update }, { place, site: { ...site, ...own }, tape });
    last = result.producer ?? last;
    return result;
  });
  const tape = tapeFor({ model, adapter: undefined }, { owner: path, after: last });
  return tape.op('Concat', rows, { attributes: { axis: 0 }, name: 'lanes', shape: site.y.shape ?? [] });
}

function addUpdate(
  bench: Bench,
  { path, graft }: Update & { readonly path: string },
  { part, site, tape }: { readonly part: SitePart | undefined; readonly site: ModuleSite; readonly tape: Tape },
): Value {
  const { y } = site;
  const where = { site, ...(part && { part }) };
  if (isPlain(site)) return graft(tape, { ...where, x: site.x, y });
  const owner = { owner: path, adapter: bench.adapter };
  const update = graft(tape, { ...where, x: plainInput(tape, site, owner), y: undefined });
  const folded = site.kind === 'conv' ? update : tape.op('Reshape', [update, tape.op('Shape', [y])]);
  const { dtype = 'float32' } = y;
  const cast = isFloat32(y) ? folded : tape.op('Cast', [folded], { attributes: { to: dataTypeNumber(dtype) } });
  return tape.op('Add', [y, cast]);
}

/** Whether the update can be added while it is computed: the rows are a list, in single precision. */
function isPlain({ kind, x, y }: ModuleSite): boolean {
  if (kind === 'conv' || !isFloat32(y)) return false;
  return kind === 'embedding' ? x.shape?.length === 1 : x.shape?.length === 2 && isFloat32(x);
}

function isFloat32({ dtype }: Value): boolean {
  return dtype === undefined || dtype === 'float32';
}

/** x as a list of rows, in single precision: [tokens, in], or for an embedding integers [tokens]. */
function plainInput(tape: Tape, { kind, x, in: width, turned }: ModuleSite, owner: LoraOwner): Value {
  const single =
    kind === 'embedding' || isFloat32(x) ? x : tape.op('Cast', [x], { attributes: { to: dataTypeNumber('float32') } });
  if (kind === 'conv' || turned) return single;
  const rows = kind === 'embedding' ? [-1] : [-1, width];
  if (x.shape?.length === rows.length) return single;
  return tape.op('Reshape', [
    single,
    loraConstant(tape, tensorOf('int64', [rows.length], rows), { name: 'rows', ...owner }),
  ]);
}

export function reportOf(modules: readonly GraphModule[], inputs: readonly Value[]): InjectionReport {
  return {
    modules: modules.map(({ path, places, ...size }) => ({
      path,
      in: size.in,
      out: size.out,
      nodes: places.map(({ site }) => site.node.name),
    })),
    inputs: inputs.map(({ name }) => name),
  };
}

function marked(value: Value, { owner, adapter }: LoraOwner): Value {
  value.metadata.set(loraKey, owner);
  if (adapter !== undefined) value.metadata.set(adapterKey, adapter);
  return value;
}
