import type { ServingContext } from '../service/index.ts';

/** What generates answers. A server has it, and a model in this process. */
export type AnswerContext = Pick<
  ServingContext,
  'engine' | 'tokenizer' | 'constraints' | 'eosTokenIds' | 'maxLength' | 'toolParser' | 'logitsProcessors'
>;
