export {
  AdapterRegistry,
  type AdapterEvent,
  type AdapterInfo,
  type AdapterStore,
  type MoveOptions,
} from './adapter-registry.ts';
export type { AdapterLease, AdapterVersion } from './adapter-version.ts';
