export type { Floats, ReduceOp, TransportOp } from './floats.ts';
export { ProcessGroup } from './process-group.ts';
export { groupPlaceOf, type GroupPlace, type GroupEnvironment } from './group-settings.ts';
export { launchEnvironments, type LaunchOptions } from './launch-plan.ts';
export { openGroup, type OpenGroupOptions } from './open-group.ts';
export { aloneTransport } from './transport/alone.ts';
export { freePort } from './transport/tcp/free-port.ts';
export type { Transport } from './transport/transport.ts';
