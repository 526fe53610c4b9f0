export {
  type GraphSessionOptions,
  OpenGraph,
  openGraph,
  type OpenGraphOptions,
  openPreparedGraph,
  type OpenPreparedOptions,
} from './open-graph.ts';
export { kernelPasses } from './kernels/kernel-passes.ts';
export { prepareGraph, type PreparedGraph, type PrepareOptions } from './prepare-graph.ts';
