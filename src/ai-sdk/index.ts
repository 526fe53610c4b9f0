/** Models in this process for the AI SDK (`ai` 7). `docs/in-process.md` shows their use. */
export { createEspalier, type EspalierProvider } from './provider.ts';
export type { EspalierProviderOptions } from './provider-options.ts';
