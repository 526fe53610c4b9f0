export { createApp, type Services } from './app.ts';
export type { GeneratedToken, GenerationEngine, GenerationRequest } from './engine-port.ts';
export type { ModelSource } from './open-models.ts';
export type { AdapterAdministration, ServedAdapter } from './served-adapter.ts';
export { openServer, type Server, type ServerOptions } from './server.ts';
export type { BaseContext, DoorContext, ServingContext } from './serving-context.ts';
