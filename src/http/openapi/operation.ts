import type { z } from 'zod';

/** What the document says of a route, beside what the route itself says. */
export interface Operation {
  /** The group in which tools show it. */
  readonly tag:
    | 'Text'
    | 'Tokens'
    | 'Embeddings'
    | 'Models'
    | 'Adapters'
    | 'Roll-outs'
    | 'Fine-tuning'
    | 'Fleet'
    | 'Inference protocol'
    | 'Health'
    | 'Observation';
  readonly summary: string;
  /** The schema by which the route reads its body. Absent: it reads none. */
  readonly body?: z.ZodType;
  /** How the body is sent. Default: as JSON. */
  readonly bodyType?: 'multipart/form-data';
  /** A body that the route takes. */
  readonly example?: object;
  /** What the route answers with, as JSON. Absent: it answers with something else, or has none that is fixed. */
  readonly answer?: z.ZodType;
  /** The media type of an answer that is not JSON. */
  readonly answerType?: string;
  /** The data of each event, where the answer may come as server-sent events. */
  readonly events?: z.ZodType;
  /** What a client sends to get events. Default: `"stream": true`. */
  readonly eventsWith?: string;
  /** The path by which the document knows the route, where it is another spelling of one that has an entry. */
  readonly isSameAs?: string;
}

/** Operations by method and path, as the route is registered: `POST /v1/adapters/:name/pin`. */
export type Operations = Readonly<Record<string, Operation>>;
