export { formatBytes } from './disk-room.ts';
export { readHubSettings, type HubSettings } from './hub-settings.ts';
export { pullModel, type PulledModel, type PullEvent, type PullOptions } from './pull-model.ts';
export { formatHubReference, isHubReference, parseHubReference, type HubReference } from './reference.ts';
