import { drainSchema, moveSchema, pinSchema, plainSchema, rollbackSchema, settingsSchema } from '../adapters/routes.ts';
import { startSchema as noiseSchema } from '../adapters/noise-routes.ts';
import { commandSchema, startSchema } from '../adapters/rollout-routes.ts';
import { uploadSchema } from '../adapters/upload-route.ts';
import { loadSchema } from '../open-inference/routes.ts';
import { loadAdapterSchema, unloadAdapterSchema } from '../openai/request-body.ts';
import {
  adapterAnswer,
  adapterInFullAnswer,
  adaptersAnswer,
  loadedAnswer,
  noiseAnswer,
  removedAdapterAnswer,
  rolloutAnswer,
  rolloutsAnswer,
  unloadedAnswer,
  uploadAnswer,
} from './answers/adapters.ts';
import { modelAdapterAnswer, unloadedAnswer as modelAdapterUnloadedAnswer } from './answers/inference-protocol.ts';
import type { Operation, Operations } from './operation.ts';

const version = '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08';
const reason = 'ticket 17';

const change = (summary: string, body: Operation['body'], example: object): Operation => ({
  tag: 'Adapters',
  summary,
  ...(body && { body }),
  example,
  answer: adapterAnswer,
});

const rollout = (summary: string, body?: Operation['body'], example?: object): Operation => ({
  tag: 'Roll-outs',
  summary,
  answer: rolloutAnswer,
  ...(body && { body }),
  ...(example && { example }),
});

/** The routes that show and change adapters. Changes take If-Match and Idempotency-Key. */
export const adapterOperations: Operations = {
  'GET /v1/adapters': {
    tag: 'Adapters',
    summary: 'The names with their versions, and the memory of all.',
    answer: adaptersAnswer,
  },
  'GET /v1/adapters/:name': {
    tag: 'Adapters',
    summary: 'A name with its version and its history.',
    answer: adapterInFullAnswer,
  },
  'POST /v1/adapters': {
    answer: uploadAnswer,
    tag: 'Adapters',
    summary: 'Takes the files of an adapter into the store and points the name to them.',
    body: uploadSchema,
    bodyType: 'multipart/form-data',
  },
  'PUT /v1/adapters/:name': change('Points a name to a version that is known.', moveSchema, { version, reason }),
  'PATCH /v1/adapters/:name': change('Changes the settings of a name.', settingsSchema, { fallback: 'base', reason }),
  'DELETE /v1/adapters/:name': { ...change('Removes a name.', plainSchema, { reason }), answer: removedAdapterAnswer },
  'POST /v1/adapters/:name/publish': change('Points a name to a version.', moveSchema, { version, reason }),
  'POST /v1/adapters/:name/rollback': change('Points a name to an earlier version.', rollbackSchema, { reason }),
  'POST /v1/adapters/:name/pin': change('Keeps a name at its version.', pinSchema, { weights: true, reason }),
  'POST /v1/adapters/:name/unpin': change('Lets a name move again.', plainSchema, { reason }),
  'POST /v1/adapters/:name/drain': change('Takes no new requests for a name.', drainSchema, { wait_ms: 1000, reason }),
  'POST /v1/adapters/:name/resume': change('Takes requests for a name again.', plainSchema, { reason }),
  'POST /v1/load_lora_adapter': {
    ...change('Loads an adapter of the folder, as vLLM does.', loadAdapterSchema, {
      lora_name: 'strict',
      lora_path: 'strict',
      load_inplace: true,
    }),
    answer: loadedAnswer,
  },
  'POST /v1/unload_lora_adapter': {
    ...change('Removes a name, as vLLM does.', unloadAdapterSchema, { lora_name: 'strict' }),
    answer: unloadedAnswer,
  },
  'POST /v2/models/:name/adapters/:adapter/load': {
    ...change('Loads an adapter of a model.', loadSchema, {
      path: 'strict',
    }),
    answer: modelAdapterAnswer,
  },
  'POST /v2/models/:name/adapters/:adapter/unload': {
    tag: 'Adapters',
    summary: 'Removes an adapter of a model.',
    answer: modelAdapterUnloadedAnswer,
  },
  'GET /v1/rollouts': { ...rollout('The roll-outs of all names.'), answer: rolloutsAnswer },
  'GET /v1/adapters/:name/rollout': rollout('The roll-out of a name.'),
  'POST /v1/adapters/:name/rollout': rollout('Begins a roll-out.', startSchema, { candidate: version, reason }),
  'PATCH /v1/adapters/:name/rollout': rollout('Promotes, aborts, pauses or resumes a roll-out.', commandSchema, {
    action: 'pause',
    reason,
  }),
  'DELETE /v1/adapters/:name/rollout': rollout('Forgets a roll-out that has ended.', plainSchema, { reason }),
  'GET /v1/adapters/:name/noise': {
    ...rollout('What the version of a name differs from itself by.'),
    answer: noiseAnswer,
  },
  'POST /v1/adapters/:name/noise': {
    ...rollout('Measures that on the requests for the name.', noiseSchema, { reason }),
    answer: noiseAnswer,
  },
  'DELETE /v1/adapters/:name/noise': {
    ...rollout('Ends the measuring.', plainSchema, { reason }),
    answer: noiseAnswer,
  },
};
