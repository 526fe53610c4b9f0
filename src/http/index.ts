export { createApp } from './app.ts';
export type { GeneratedToken, GenerationEngine, GenerationRequest } from './engine-port.ts';
export { openServer, type Server, type ServerOptions } from './server.ts';
export type { AdapterAdministration, ServedAdapter, ServingContext } from './serving-context.ts';
