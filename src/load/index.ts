export { type Lengths, lengthForms, parseLengths } from './lengths.ts';
export { loadPage } from './page.ts';
export { promptIds, type PromptOptions, promptText } from './prompts.ts';
export type { LoadResult, LoadRun } from './result.ts';
export { type Answered, type Ask, type RequestRecord, runTrace } from './run-trace.ts';
export { type LoadSummary, summarize, type Times } from './summary.ts';
export { createTrace, type PlannedRequest, type TraceOptions } from './trace.ts';
