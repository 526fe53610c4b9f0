import { z } from 'zod';

const tensor = z.object({ name: z.string(), datatype: z.string(), shape: z.array(z.int()) });

export const serverAnswer = z.object({ name: z.string(), version: z.string(), extensions: z.array(z.string()) });

export const liveAnswer = z.object({ live: z.literal(true) });
export const readyAnswer = z.object({ ready: z.boolean() });
export const modelReadyAnswer = z.object({ name: z.string(), ready: z.boolean() });

export const metadataAnswer = z.object({
  name: z.string(),
  versions: z.array(z.string()),
  platform: z.string(),
  inputs: z.array(tensor),
  outputs: z.array(tensor),
  parameters: z.record(z.string(), z.unknown()).optional(),
});

export const modelAdapterAnswer = z.object({
  name: z.string(),
  version: z.string().optional(),
  path: z.string(),
  created: z.number(),
  state: z.enum(['pending', 'serving', 'failed']),
  problem: z.string().optional(),
});

export const modelAdaptersAnswer = z.object({ adapters: z.array(modelAdapterAnswer) });

/** Values that the request asks for as bytes follow the JSON, and `data` is absent. */
export const inferAnswer = z.object({
  model_name: z.string(),
  model_version: z.string(),
  id: z.string().optional(),
  outputs: z.array(
    tensor.extend({
      data: z.array(z.unknown()).optional(),
      parameters: z.record(z.string(), z.unknown()).optional(),
    }),
  ),
  parameters: z.record(z.string(), z.unknown()).optional(),
});

export const repositoryAnswer = z.array(z.object({ name: z.string(), version: z.string(), state: z.string() }));

export const unloadedAnswer = z.object({ name: z.string() });
