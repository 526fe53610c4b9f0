export {
  type AdapterEvent,
  type AdapterInfo,
  AdapterRegistry,
  type AdapterStore,
  type MoveOptions,
} from './adapter-registry.ts';
export type { AdapterLease, AdapterVersion } from './adapter-version.ts';
