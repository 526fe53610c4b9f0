export type { Floats, ReduceOp, TransportOp } from './floats.ts';
export { ProcessGroup } from './process-group.ts';
export { groupPlaceOf, type GroupPlace, type GroupEnvironment } from './group-settings.ts';
export { openGroup, type OpenGroupOptions } from './open-group.ts';
export { aloneTransport } from './transport/alone.ts';
export type { Transport } from './transport/transport.ts';
