export { describeModel, type ModelDescription } from './describe-model.ts';
export { type HubSettings, readHubSettings } from './hub-settings.ts';
export { type PulledModel, type PullEvent, pullModel, type PullOptions } from './pull-model.ts';
export { formatHubReference, type HubReference, isHubReference, parseHubReference } from './reference.ts';
