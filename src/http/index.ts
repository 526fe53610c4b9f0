export { createApp, type Services } from './app.ts';
export type { GeneratedToken, GenerationEngine, GenerationRequest } from './engine-port.ts';
export { openServer, type Server, type ServerOptions } from './server.ts';
export type { ModelSource } from './open-models.ts';
export type {
  AdapterAdministration,
  BaseContext,
  DoorContext,
  ServedAdapter,
  ServingContext,
} from './serving-context.ts';
