export { pathExists, replaceFolder } from './replace-folder.ts';
