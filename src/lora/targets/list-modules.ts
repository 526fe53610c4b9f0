import { moduleKey, modulePartsKey, type AdaptableModule, type Model, type Node } from '../../ir/index.ts';
import { loraKey } from '../inject/lora-keys.ts';
import { initializerOf, suggestPath } from './module-names.ts';
import { readParts } from './module-parts.ts';
import { readSite, type ModuleSite } from './module-sites.ts';

/**
 * Lists all modules of a graph that can have adapters, in the order of its nodes. A node without a path is named by its weight or by
 * itself, as `annotateModules` would write it.
 */
export function listModules(model: Model): AdaptableModule[] {
  const modules = new Map<string, AdaptableModule>();
  for (const { site, path } of placesOf(model)) {
    const parts = readParts(site.node.metadata.get(modulePartsKey));
    for (const part of parts) keep(modules, part.path, { ...site, out: part.width });
    if (parts.length === 0 && path !== undefined) keep(modules, path, site);
  }
  return [...modules.values()];
}

/** Returns the path of a node, or undefined for none. */
export type PathOf = (node: Node, site: ModuleSite) => string | undefined;

/**
 * Writes a module's path on every node that can have an adapter and has no path yet.
 *
 * @param pathOf default: the module in the weight's name, or else the node's name
 */
export function annotateModules(model: Model, pathOf: PathOf = suggestPath): void {
  for (const { site, path } of placesOf(model, pathOf)) {
    const { metadata } = site.node;
    if (path !== undefined && !metadata.has(moduleKey) && !metadata.has(modulePartsKey)) metadata.set(moduleKey, path);
  }
}

interface NamedSite {
  readonly site: ModuleSite;
  readonly path: string | undefined;
}

function placesOf({ graph }: Model, pathOf: PathOf = suggestPath): NamedSite[] {
  return graph.nodes.flatMap((node) => {
    const result = node.metadata.has(loraKey) ? undefined : readSite(node);
    if (result === undefined || 'problem' in result) return [];
    const { site } = result;
    const path = node.metadata.get(moduleKey);
    if (path !== undefined || node.metadata.has(modulePartsKey)) return [{ site, path }];
    // WHY constants only: a product of two activations, as in attention, is no module.
    return initializerOf(site.weight) === undefined ? [] : [{ site, path: pathOf(node, site) }];
  });
}

function keep(
  modules: Map<string, AdaptableModule>,
  path: string,
  { kind, in: width, out, ...more }: ModuleSite,
): void {
  if (modules.has(path)) return;
  const shape = kind === 'conv' ? { kernel: more.kernel ?? [], groups: more.groups ?? 1 } : {};
  modules.set(path, { path, ...(kind === 'linear' ? {} : { kind }), in: width, out, ...shape });
}
