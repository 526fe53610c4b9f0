import { randomUUID } from 'node:crypto';
import type {
  LanguageModelV4,
  LanguageModelV4CallOptions,
  LanguageModelV4ResponseMetadata,
  LanguageModelV4StreamPart,
} from '@ai-sdk/provider';
import { LinkedAbort, type LocalModel, type Piece } from '../library/index.ts';
import { contentOf, finishReasonOf, metadataOf, usageOf } from './answer-parts.ts';
import { chatOptionsOf } from './chat-options-of.ts';
import { StreamParts } from './stream-parts.ts';

/** A language model of the AI SDK that answers by a model in this process. */
export function createLanguageModel(model: LocalModel, modelId: string): LanguageModelV4 {
  const read = (call: LanguageModelV4CallOptions) => chatOptionsOf(call, { modelId, baseName: model.baseName });
  return {
    specificationVersion: 'v4',
    provider: 'espalier',
    modelId,
    // The AI SDK downloads what a model does not read by itself; then it is refused here.
    supportedUrls: {},
    async doGenerate(call) {
      const { options, warnings } = read(call);
      const response = responseOf(modelId);
      const answer = await model.chat(options);
      return {
        content: contentOf(answer),
        finishReason: finishReasonOf(answer.finishReason),
        usage: usageOf(answer.usage),
        providerMetadata: metadataOf(answer.answeredBy),
        response,
        warnings,
      };
    },
    async doStream(call) {
      const { options, warnings } = read(call);
      const ending = new LinkedAbort([call.abortSignal]);
      const pieces = model.stream({ ...options, signal: ending.controller.signal });
      const head: LanguageModelV4StreamPart[] = [
        { type: 'stream-start', warnings },
        { type: 'response-metadata', ...responseOf(modelId) },
      ];
      try {
        // WHY before the stream is given: a call that is refused fails as a call, which the AI SDK may try again.
        const first = await pieces.next();
        return { stream: streamOf(pieces, { head, first, ending }) };
      } catch (error) {
        ending[Symbol.dispose]();
        throw error;
      }
    },
  };
}

function responseOf(modelId: string): LanguageModelV4ResponseMetadata {
  return { id: `espalier-${randomUUID()}`, timestamp: new Date(), modelId };
}

interface StreamOptions {
  /** The parts before the answer. */
  readonly head: readonly LanguageModelV4StreamPart[];
  readonly first: IteratorResult<Piece, void>;
  /** Ends the generation when the reader goes away. */
  readonly ending: LinkedAbort;
}

/** Gives pieces as they are asked for. */
function streamOf(
  pieces: AsyncGenerator<Piece, void, undefined>,
  { head, first, ending }: StreamOptions,
): ReadableStream<LanguageModelV4StreamPart> {
  const parts = new StreamParts();
  let next: Promise<IteratorResult<Piece, void>> | undefined = Promise.resolve(first);
  return new ReadableStream<LanguageModelV4StreamPart>({
    start(controller) {
      for (const part of head) controller.enqueue(part);
    },
    async pull(controller) {
      try {
        // WHY a loop: a token may add nothing, and a stream that was asked and given nothing is not asked again.
        for (let given = 0; given === 0;) {
          const { done, value } = await (next ?? pieces.next());
          next = undefined;
          if (done === true) {
            ending[Symbol.dispose]();
            controller.close();
            return;
          }
          for (const part of parts.write(value)) {
            controller.enqueue(part);
            given++;
          }
        }
      } catch (error) {
        ending[Symbol.dispose]();
        controller.error(error);
      }
    },
    async cancel(reason) {
      ending.controller.abort(reason);
      ending[Symbol.dispose]();
      await pieces.return();
    },
  });
}
