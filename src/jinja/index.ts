export { compileTemplate, type Rendered, type RenderOptions, type Template } from './template.ts';
