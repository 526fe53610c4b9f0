import { moduleKey, modulePartsKey, type AdaptableModule, type Model, type Node } from '../../ir/index.ts';
import { loraKey } from '../inject/lora-keys.ts';
import { initializerOf, suggestPath } from './module-names.ts';
import { readParts } from './module-parts.ts';
import { readSite, type ModuleSite } from './module-sites.ts';

/**
 * Everything in a graph that adapters can be put on, in the order of its nodes. Where a node says no path, it goes by its weight's or
 * its own name, as `annotateModules` would write it.
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

/** Gives a node its path, or none to leave it without. */
export type PathOf = (node: Node, site: ModuleSite) => string | undefined;

/**
 * Writes a module's path on every node that adapters could be put on and that says none yet.
 *
 * @param pathOf  by default the weight's name, as far as it says a module, or else the node's
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
