import type { CallbackManagerForLLMRun } from '@langchain/core/callbacks/manager';
import type { BaseLanguageModelInput, StructuredOutputMethodOptions } from '@langchain/core/language_models/base';
import {
  BaseChatModel,
  type BaseChatModelCallOptions,
  type BaseChatModelParams,
  type BindToolsInput,
  type LangSmithParams,
} from '@langchain/core/language_models/chat_models';
import type { AIMessageChunk, BaseMessage } from '@langchain/core/messages';
import { ChatGenerationChunk, type ChatResult } from '@langchain/core/outputs';
import type { Runnable } from '@langchain/core/runnables';
import { definedOnly } from '../core/index.ts';
import { adapterByName, type ChatOptions, type LocalModel } from '../library/index.ts';
import { callSettings, type ChatEspalierSettings } from './call-settings.ts';
import { chunkOfPiece, messageOfAnswer } from './message-of-answer.ts';
import { messagesOf } from './messages-of.ts';
import { type GivenSchema, structuredOutput } from './structured-output.ts';
import { chatToolsOf } from './tools-of.ts';

export interface ChatEspalierFields extends BaseChatModelParams, ChatEspalierSettings {
  /** The model in this process. It stays its caller's, who disposes it. */
  readonly localModel: LocalModel;
  /** The base (the default), an adapter, `base:adapter`, or either with `@` and the beginning of a version's digest. */
  readonly model?: string;
}

/** What one call may change. */
export interface ChatEspalierCallOptions extends BaseChatModelCallOptions, ChatEspalierSettings {
  readonly tools?: readonly BindToolsInput[];
}

/** A chat model of LangChain that answers by a model in this process. */
export class ChatEspalier extends BaseChatModel<ChatEspalierCallOptions, AIMessageChunk> {
  /** The name that is asked. It is looked up at each call. */
  readonly model: string;
  readonly #localModel: LocalModel;
  readonly #settings: ChatEspalierSettings;

  /** The values of the settings are checked when a call begins. */
  constructor({ localModel, model = localModel.baseName, ...fields }: ChatEspalierFields) {
    super(fields);
    this.model = model;
    this.#localModel = localModel;
    this.#settings = callSettings(fields);
  }

  static override lc_name(): string {
    return 'ChatEspalier';
  }

  override _llmType(): string {
    return 'espalier';
  }

  /** What decides an answer: the key of a cache. */
  override _identifyingParams(): Record<string, unknown> {
    return { model: this.model, ...this.#settings };
  }

  override invocationParams(options: this['ParsedCallOptions']): Record<string, unknown> {
    return { ...this._identifyingParams(), ...callSettings(options) };
  }

  override getLsParams(options: this['ParsedCallOptions']): LangSmithParams {
    const { temperature, maxTokens } = { ...this.#settings, ...callSettings(options) };
    return {
      ls_provider: 'espalier',
      ls_model_name: this.model,
      ls_model_type: 'chat',
      ...definedOnly({ ls_temperature: temperature, ls_max_tokens: maxTokens }),
    };
  }

  override bindTools(
    tools: BindToolsInput[],
    kwargs: Partial<ChatEspalierCallOptions> = {},
  ): Runnable<BaseLanguageModelInput, AIMessageChunk, ChatEspalierCallOptions> {
    return this.withConfig({ tools, ...kwargs });
  }

  /** Asks for an answer in the form of a schema; `functionCalling` has the model call a tool of this form instead. */
  override withStructuredOutput<Output extends Record<string, unknown>>(
    schema: GivenSchema,
    config?: StructuredOutputMethodOptions<false>,
  ): Runnable<BaseLanguageModelInput, Output>;
  override withStructuredOutput<Output extends Record<string, unknown>>(
    schema: GivenSchema,
    config?: StructuredOutputMethodOptions<true>,
  ): Runnable<BaseLanguageModelInput, { raw: BaseMessage; parsed: Output }>;
  override withStructuredOutput(schema: GivenSchema, config: StructuredOutputMethodOptions<boolean> = {}): unknown {
    return structuredOutput(this, schema, config);
  }

  override async _generate(
    messages: BaseMessage[],
    options: this['ParsedCallOptions'],
    runManager?: CallbackManagerForLLMRun,
  ): Promise<ChatResult> {
    const answer = await this.#localModel.chat(this.#chatOptions(messages, options));
    const message = messageOfAnswer(answer, this.model);
    await runManager?.handleLLMNewToken(answer.text);
    return { generations: [{ text: answer.text, message }] };
  }

  override async *_streamResponseChunks(
    messages: BaseMessage[],
    options: this['ParsedCallOptions'],
    runManager?: CallbackManagerForLLMRun,
  ): AsyncGenerator<ChatGenerationChunk> {
    for await (const piece of this.#localModel.stream(this.#chatOptions(messages, options))) {
      const { text, reasoning, toolCalls, finishReason } = piece;
      if (text === '' && !reasoning && !toolCalls && !finishReason) continue;
      const chunk = new ChatGenerationChunk({ text, message: chunkOfPiece(piece, this.model) });
      yield chunk;
      await runManager?.handleLLMNewToken(text, undefined, undefined, undefined, undefined, { chunk });
    }
  }

  #chatOptions(messages: BaseMessage[], options: this['ParsedCallOptions']): ChatOptions {
    const { lora, ...settings } = { ...this.#settings, ...callSettings(options) };
    const { baseName } = this.#localModel;
    return {
      // WHY: LangChain has no default limit.
      maxTokens: Number.POSITIVE_INFINITY,
      ...settings,
      ...definedOnly({
        adapter: adapterByName({ model: this.model, lora }, baseName),
        stop: options.stop,
        signal: options.signal,
        ...chatToolsOf(options),
      }),
      messages: messagesOf(messages),
    };
  }
}
