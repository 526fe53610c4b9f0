import type { HostWeights } from './registry/adapter-arena.ts';
import type { AdapterRegistry } from './registry/adapter-registry.ts';

/** The part of a registry that a router needs. */
export interface RoutedNames<Weights extends HostWeights> extends Pick<
  AdapterRegistry<Weights>,
  'has' | 'lease' | 'acquire' | 'leaseVersion'
> {
  list(): readonly { readonly name: string }[];
}
