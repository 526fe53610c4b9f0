import { nearest } from '../../core/index.ts';
import { moduleKey, modulePartsKey, type Graph, type ModuleKind, type Node } from '../../ir/index.ts';
import { adapterKey, loraKey, sharedOwner } from '../inject/lora-keys.ts';
import { readParts } from './module-parts.ts';
import { weightName } from './module-names.ts';
import { readSite, type ModuleSite } from './module-sites.ts';

/** A range of the last axis of a node that computes several modules. */
export interface SitePart {
  readonly index: number;
  /** The widths of all parts, in their order. Their sum is the node's width. */
  readonly widths: readonly number[];
}

/** One of the nodes that compute a module, and the part of its result that belongs to the module. */
export interface ModulePlace {
  readonly site: ModuleSite;
  /** Absent if the whole result belongs to the module. */
  readonly part?: SitePart;
}

/** A module of the graph and its nodes, which all have the same size. There are several if a graph computes the module in parts. */
export interface GraphModule {
  readonly path: string;
  readonly kind: ModuleKind;
  readonly places: readonly [ModulePlace, ...ModulePlace[]];
  readonly in: number;
  readonly out: number;
  readonly kernel?: readonly number[];
  readonly groups?: number;
}

export interface FindOptions {
  /** Name of the adapter to be added. A module may have one adapter of each name. */
  readonly adapter?: string | undefined;
}

/**
 * Finds the nodes of these modules, and every reason why they cannot have adapters. A module is named by its path (`moduleKey`,
 * `modulePartsKey`), or by the name of its node or its weight if the graph has no paths.
 *
 * @returns the modules in the requested order, and the problems; if there are problems the modules are incomplete
 */
export function findModules(
  graph: Graph,
  paths: readonly string[],
  { adapter }: FindOptions = {},
): { modules: GraphModule[]; problems: string[] } {
  const problems: string[] = [];
  if (paths.length === 0) problems.push('no module is given');
  const index = indexOf(graph);
  const injected = new Set(graph.nodes.flatMap((node) => ownerOf(node, adapter)));
  const modules = paths.flatMap((path, i) => {
    const found = index.modules.get(path) ?? index.others.get(path);
    if (found === undefined) problems.push(`the graph has no linear node for ${path}${hint(path, index)}`);
    else if (paths.indexOf(path) !== i) problems.push(`${path} comes twice`);
    else if (injected.has(path)) problems.push(`${path} has an adapter already`);
    else return moduleOf(path, found, problems);
    return [];
  });
  return { modules, problems };
}

/** The module of a node that was injected for the adapter of this name; undefined for other nodes. */
function ownerOf({ metadata }: Node, adapter: string | undefined): string[] {
  const owner = metadata.get(loraKey);
  const isOther = adapter !== undefined && metadata.get(adapterKey) !== adapter;
  return owner === undefined || owner === sharedOwner || isOther ? [] : [owner];
}

interface FoundNode {
  readonly node: Node;
  readonly part?: SitePart;
}

interface ModuleIndex {
  /** By path. */
  readonly modules: ReadonlyMap<string, readonly FoundNode[]>;
  /** By the name of a node or of a weight. */
  readonly others: ReadonlyMap<string, readonly FoundNode[]>;
}

function indexOf(graph: Graph): ModuleIndex {
  const modules = new Map<string, FoundNode[]>();
  const others = new Map<string, FoundNode[]>();
  const add = (map: Map<string, FoundNode[]>, name: string | undefined, found: FoundNode): void => {
    if (name !== undefined && name !== '') map.set(name, [...(map.get(name) ?? []), found]);
  };
  for (const node of graph.nodes) {
    if (node.metadata.has(loraKey) || readSite(node) === undefined) continue;
    const parts = readParts(node.metadata.get(modulePartsKey));
    const widths = parts.map(({ width }) => width);
    for (const [i, { path }] of parts.entries()) add(modules, path, { node, part: { index: i, widths } });
    add(modules, node.metadata.get(moduleKey), { node });
    // WHY only without a path: a head that shares the embedding's matrix must not be found as the embedding.
    const isNamed = parts.length > 0 || node.metadata.has(moduleKey);
    const weight = isNamed ? undefined : weightName(node);
    for (const name of new Set([node.name, weight, weight?.replace(/\.weight$/, '')])) add(others, name, { node });
  }
  return { modules, others };
}

function moduleOf(path: string, found: readonly FoundNode[], problems: string[]): GraphModule[] {
  const places = found.flatMap((one) => placeOf(one, problems));
  const [first, ...rest] = places;
  if (first === undefined) return [];
  const { kind, kernel, groups } = first.site;
  const size = { in: first.site.in, out: widthOf(first) };
  if (rest.some((place) => place.site.kind !== kind || place.site.in !== size.in || widthOf(place) !== size.out)) {
    problems.push(`the nodes of ${path} have matrices of different sizes`);
  }
  return [{ path, kind, places: [first, ...rest], ...size, ...(kernel && { kernel }), ...(groups && { groups }) }];
}

function placeOf({ node, part }: FoundNode, problems: string[]): ModulePlace[] {
  const result = readSite(node);
  const problem = result === undefined || 'problem' in result ? result?.problem : misfit(result.site, part);
  if (result !== undefined && 'site' in result && problem === undefined) {
    return [{ site: result.site, ...(part && { part }) }];
  }
  problems.push(`${node.label} (${node.qualifiedType}) ${problem ?? 'cannot have one'}`);
  return [];
}

function misfit({ kind, out }: ModuleSite, part: SitePart | undefined): string | undefined {
  if (part === undefined) return undefined;
  if (kind === 'conv') return 'is a convolution that is said to have parts';
  const sum = part.widths.reduce((total, width) => total + width, 0);
  return sum === out ? undefined : `is ${out} wide, and its parts together ${sum}`;
}

function widthOf({ site, part }: ModulePlace): number {
  return part?.widths[part.index] ?? site.out;
}

function hint(path: string, { modules, others }: ModuleIndex): string {
  const near = nearest(path, [...modules.keys(), ...others.keys()]);
  return near === undefined ? '' : ` (did you mean ${near}?)`;
}
