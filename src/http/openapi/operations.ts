import { dashboardFiles } from '../dashboard/routes.ts';
import { adapterOperations } from './adapter-operations.ts';
import { fineTuningOperations } from './fine-tuning-operations.ts';
import { manifestBody, pauseBody } from '../fleet/routes.ts';
import { embeddingSchema } from '../openai/embeddings.ts';
import { rerankSchema } from '../openai/rerank.ts';
import { chatCompletionSchema, completionSchema } from '../openai/request-body.ts';
import { countTokensSchema, messageSchema } from '../messages/message-body.ts';
import { responseSchema } from '../responses/response-body.ts';
import { inferSchema } from '../open-inference/infer-request.ts';
import { detokenizeSchema, tokenizeSchema } from '../vllm/tokenize.ts';
import { adapterEvent, chatCompletionEvent, completionEvent, messageEvent, responseEvent } from './answers/events.ts';
import {
  inferAnswer,
  liveAnswer,
  metadataAnswer,
  modelAdaptersAnswer,
  modelReadyAnswer,
  readyAnswer as modelsReadyAnswer,
  repositoryAnswer,
  serverAnswer,
} from './answers/inference-protocol.ts';
import {
  auditAnswer,
  eventsAnswer,
  evidenceAnswer,
  fleetAnswer,
  fleetPlanAnswer,
  healthAnswer,
  readinessAnswer,
  readyAnswer,
  statsAnswer,
} from './answers/operations.ts';
import {
  chatCompletionAnswer,
  completionAnswer,
  countTokensAnswer,
  deletedAnswer,
  detokenizeAnswer,
  embeddingsAnswer,
  inputItemsAnswer,
  messageAnswer,
  modelAnswer,
  modelsAnswer,
  rerankAnswer,
  responseAnswer,
  tokenizeAnswer,
} from './answers/text.ts';
import type { Operation, Operations } from './operation.ts';

const messages = [{ role: 'user', content: 'Is it raining?' }];

const tokenize: Operation = {
  tag: 'Tokens',
  summary: 'The tokens of a text or of messages, as vLLM gives them.',
  body: tokenizeSchema,
  answer: tokenizeAnswer,
  example: { model: 'base', prompt: 'Is it raining?', return_token_strs: true },
};

const detokenize: Operation = {
  tag: 'Tokens',
  summary: 'The text of tokens, as vLLM gives it.',
  body: detokenizeSchema,
  answer: detokenizeAnswer,
  example: { model: 'base', tokens: [73, 115] },
};

const infer: Operation = {
  tag: 'Inference protocol',
  summary: 'Runs a model on tensors. Their values may follow the JSON as bytes, as inference-protocol.md says.',
  body: inferSchema,
  answer: inferAnswer,
  example: { inputs: [{ name: 'x', shape: [1, 2], datatype: 'FP32', data: [1, 2] }] },
};

const model = (summary: string): Operation => ({ tag: 'Inference protocol', summary });

const text: Operations = {
  'POST /v1/chat/completions': {
    answer: chatCompletionAnswer,
    tag: 'Text',
    summary: 'The next turn of a chat, in the form of the OpenAI API.',
    body: chatCompletionSchema,
    example: { model: 'base', messages, max_tokens: 8, temperature: 0 },
    events: chatCompletionEvent,
  },
  'POST /v1/completions': {
    answer: completionAnswer,
    tag: 'Text',
    summary: 'The continuation of texts or of token ids, in the form of the OpenAI API.',
    body: completionSchema,
    example: { model: 'base', prompt: 'Once upon a time', max_tokens: 8, stop: ['.'] },
    events: completionEvent,
  },
  'POST /v1/responses': {
    answer: responseAnswer,
    tag: 'Text',
    summary: 'A response, in the form of the OpenAI API.',
    body: responseSchema,
    example: { model: 'base', input: 'Is it raining?', max_output_tokens: 8, store: false },
    events: responseEvent,
  },
  'GET /v1/responses/:id': { tag: 'Text', summary: 'A response that is kept.', answer: responseAnswer },
  'GET /v1/responses/:id/input_items': {
    tag: 'Text',
    summary: 'What a kept response answered.',
    answer: inputItemsAnswer,
  },
  'DELETE /v1/responses/:id': { tag: 'Text', summary: 'Forgets a kept response.', answer: deletedAnswer('response') },
  'POST /v1/responses/:id/cancel': { tag: 'Text', summary: 'Ends a response.', answer: responseAnswer },
  'POST /v1/messages': {
    answer: messageAnswer,
    tag: 'Text',
    summary: 'The next turn of a chat, in the form of the Anthropic API.',
    body: messageSchema,
    example: { model: 'base', system: 'Be brief.', messages, max_tokens: 8 },
    events: messageEvent,
  },
  'POST /v1/messages/count_tokens': {
    answer: countTokensAnswer,
    tag: 'Tokens',
    summary: 'The number of tokens of a prompt, in the form of the Anthropic API.',
    body: countTokensSchema,
    example: { model: 'base', messages },
  },
  'POST /v1/tokenize': tokenize,
  'POST /tokenize': tokenize,
  'POST /v1/detokenize': detokenize,
  'POST /detokenize': detokenize,
  'POST /v1/embeddings': {
    answer: embeddingsAnswer,
    tag: 'Embeddings',
    summary: 'The vectors of texts or of token ids, in the form of the OpenAI API.',
    body: embeddingSchema,
    example: { model: 'base', input: ['Is it raining?'] },
  },
  'POST /v1/rerank': {
    answer: rerankAnswer,
    tag: 'Embeddings',
    summary: 'Documents by how well they fit to a query, in the form that Cohere and Jina share.',
    body: rerankSchema,
    example: {
      model: 'base',
      query: 'Is it raining?',
      documents: ['It rains.', { text: 'The cat sleeps.' }],
      top_n: 1,
    },
  },
  'GET /v1/models': { tag: 'Models', summary: 'The base and the adapters that can be asked.', answer: modelsAnswer },
  'GET /v1/models/:id': {
    tag: 'Models',
    summary: 'The base or one adapter. The slash of org/name may come as %2F.',
    answer: modelAnswer,
  },
  'DELETE /v1/models/:id': {
    tag: 'Models',
    summary: 'Takes the name of an adapter out of service.',
    answer: deletedAnswer('model'),
  },
  // WHY: the document has no paths of several parts.
  'DELETE /v1/models/*': { tag: 'Models', summary: 'The same.', isSameAs: '/v1/models/:id' },
  'GET /v1/models/*': { tag: 'Models', summary: 'The same.', isSameAs: '/v1/models/:id' },
};

const inferenceProtocol: Operations = {
  'GET /v2': { ...model('The server, its version and its extensions.'), answer: serverAnswer },
  'GET /v2/models/:name': { ...model('The inputs and outputs of a model.'), answer: metadataAnswer },
  'GET /v2/models/:name/versions/:version': {
    ...model('The same. A model has one version, 1.'),
    answer: metadataAnswer,
  },
  'GET /v2/models/:name/ready': { ...model('Whether a model takes requests.'), answer: modelReadyAnswer },
  'GET /v2/models/:name/versions/:version/ready': {
    ...model('The same. A model has one version, 1.'),
    answer: modelReadyAnswer,
  },
  'GET /v2/models/:name/adapters': { ...model('The adapters of a model.'), answer: modelAdaptersAnswer },
  'POST /v2/models/:name/infer': infer,
  'POST /v2/models/:name/versions/:version/infer': infer,
  'POST /v2/repository/index': { ...model('The models with their states.'), answer: repositoryAnswer },
};

const manifest = 'apiVersion: espalier/v1alpha1\nkind: Fleet\n';

const fleet: Operations = {
  'GET /v1/fleet': { tag: 'Fleet', summary: 'What Git says beside what lives.', answer: fleetAnswer },
  'POST /v1/fleet/diff': {
    answer: fleetPlanAnswer,
    tag: 'Fleet',
    summary: 'What a manifest would change.',
    body: manifestBody,
    example: { manifest },
  },
  'POST /v1/fleet/apply': {
    answer: fleetPlanAnswer,
    tag: 'Fleet',
    summary: 'Applies a manifest in one transaction.',
    body: manifestBody,
    example: { manifest },
  },
  'POST /v1/fleet/pause': {
    answer: fleetAnswer,
    tag: 'Fleet',
    summary: 'Stops following the source, and putting back what others change.',
    body: pauseBody,
    example: { reason: 'an incident' },
  },
  'POST /v1/fleet/resume': {
    answer: fleetAnswer,
    tag: 'Fleet',
    summary: 'Follows the source again, at once.',
    body: pauseBody,
    example: { reason: 'it is over' },
  },
};

const pageFile: Operation = { tag: 'Observation', summary: 'A file of the page.', isSameAs: '/dashboard' };

const health: Operations = {
  'GET /health': { tag: 'Health', summary: '200 while the process can answer.', answer: healthAnswer },
  'GET /ready': { tag: 'Health', summary: '200 while the server takes requests.', answer: readyAnswer },
  'GET /health/ready': {
    tag: 'Health',
    summary: 'The same, and why it does not: the adapters that are missing.',
    answer: readinessAnswer,
  },
  'GET /v2/health/live': { tag: 'Health', summary: '200 while the process can answer.', answer: liveAnswer },
  'GET /v2/health/ready': { tag: 'Health', summary: '200 while all models take requests.', answer: modelsReadyAnswer },
  'GET /dashboard': { tag: 'Observation', summary: 'The page for operators.', answerType: 'text/html' },
  ...Object.fromEntries(['', ...dashboardFiles].map((name) => [`GET /dashboard/${name}`, pageFile])),
  'GET /metrics': {
    tag: 'Observation',
    summary: 'The series of the server, in the text format of Prometheus.',
    answerType: 'text/plain',
  },
  'GET /v1/stats': { tag: 'Observation', summary: 'What the server and each adapter do now.', answer: statsAnswer },
  'GET /v1/events': {
    answer: eventsAnswer,
    events: adapterEvent,
    eventsWith: 'Accept: text/event-stream',
    tag: 'Observation',
    summary: 'What happened to adapters: the latest events, or all that come, with Accept: text/event-stream.',
  },
  'GET /v1/audit': {
    tag: 'Observation',
    summary: 'The audit record of the store, the latest first.',
    answer: auditAnswer,
  },
  'GET /v1/adapters/:name/rollout/evidence': {
    answer: evidenceAnswer,
    tag: 'Observation',
    summary: 'How what the roll-out of a name judges by came about.',
  },
  'GET /openapi.json': { tag: 'Health', summary: 'This document.' },
};

/** Every route that a server can have. A test compares them with the routes themselves, both ways. */
export const operations: Operations = {
  ...text,
  ...adapterOperations,
  ...fineTuningOperations,
  ...fleet,
  ...inferenceProtocol,
  ...health,
};
