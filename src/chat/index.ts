export { describeValue, FieldProblem, type Fields, isFields, readEach } from './field-problem.ts';
export { type Conversation, fitToTemplate } from './fit-template.ts';
export { messageRoles, readMessages, type ReadMessages, type ReadMessagesOptions } from './read-messages.ts';
export { readTools, readToolsBeside, type Tool } from './read-tools.ts';
export { readVariables, type TemplateVariables } from './read-variables.ts';
