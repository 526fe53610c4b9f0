export { createApp, type Services } from './app.ts';
export {
  AdapterClient,
  type AdapterClientOptions,
  type RemoteAdapter,
  type RemoteNoise,
  type RemoteRollout,
} from './client/adapter-client.ts';
export { FleetClient, type RemoteFleet, type RemotePlan } from './client/fleet-client.ts';
export { JobClient, type RemoteJob, type RemoteJobEvent } from './client/job-client.ts';
export { openServer, type Server, type ServerOptions } from './server.ts';
export { type KeysEvent, onKeysEvent } from './keys/keys-events.ts';
export { addKey, type NewKey } from './keys/add-key.ts';
export { type Role, roles } from './keys/role.ts';
export { type LogLevel, logLevels } from './logs/request-log.ts';
export { readServer, type ServerRead } from './client/read-server.ts';
export { pushMetrics } from './client/push-metrics.ts';
export { AnswerClient, type AnswerClientOptions, type AnswerEnd, AnswerRefused } from './client/answer-stream.ts';
