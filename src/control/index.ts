export {
  type AdapterEvent,
  type AdapterInfo,
  AdapterRegistry,
  type AdapterStore,
  type MoveOptions,
} from './registry/adapter-registry.ts';
export type { AdapterLease, AdapterVersion } from './registry/adapter-version.ts';
export {
  type AdministrationOptions,
  createAdapterAdministration,
  loadAllAdapters,
} from './store/adapter-administration.ts';
export { hasDora } from './store/has-dora.ts';
export type { AdapterAdministration, ServedAdapter } from './store/served-adapter.ts';
