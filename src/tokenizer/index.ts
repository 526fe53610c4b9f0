export type { EncoderInput, EncoderInputOptions } from './encoder-input.ts';
export { openTokenizer } from './open-tokenizer.ts';
export { byteLevelCharacter } from './stream-decoder.ts';
export type { StreamDecoder } from './stream-decoder.ts';
export { createTokenizer } from './tokenizer.ts';
export type {
  ChatMessage,
  ChatOptions,
  DecodeOptions,
  EncodeOptions,
  StreamDecoderOptions,
  Tokenizer,
} from './tokenizer.ts';
export type { TokenizerFiles } from './tokenizer-files.ts';
