const maxLength = 128;

/** What a name of an adapter must be, for errors. */
export const adapterNameForm =
  'a name of letters, digits, "_", "-" and ".", also with slashes as in org/name, of at most 128 characters';

/**
 * Whether an adapter can have this name: as folders are named, as the hub names models, `org/name`, or as a fine-tuning job names its
 * result. WHY no empty part, "." or "..": a name is no path, but a client or a proxy may take it for one.
 */
export function isAdapterName(name: string): boolean {
  if (isFineTunedName(name)) return name.length <= maxLength;
  return name.length <= maxLength && name.split('/').every((part) => /^[\w.-]+$/.test(part) && !/^\.{1,2}$/.test(part));
}

const checkpointEnding = /:ckpt-step-\d{1,9}$/;

/**
 * Whether a name has the form that OpenAI gives the result of a fine-tuning job, `ft:base:suffix:id`, where the suffix may be empty, or
 * one of its checkpoints, `ft:base:suffix:id:ckpt-step-20`.
 */
export function isFineTunedName(name: string): boolean {
  return /^ft:[\w.-]+:[\w.-]*:\w+$/.test(jobNameOf(name));
}

/** The name of a checkpoint of a job. @param fineTuned  the name of what the job makes */
export function checkpointNameOf(fineTuned: string, step: number): string {
  return `${fineTuned}:ckpt-step-${step}`;
}

/** The name of what the job makes to which the name of a checkpoint belongs. Other names are given as they are. */
export function jobNameOf(name: string): string {
  return name.replace(checkpointEnding, '');
}
