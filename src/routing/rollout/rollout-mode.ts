/** How a new version of a name that is served comes into service: at once, or by steps. */
export const rolloutModes = ['immediate', 'progressive'] as const;

export type RolloutMode = (typeof rolloutModes)[number];
