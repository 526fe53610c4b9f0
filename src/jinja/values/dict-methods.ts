import { unsupported } from '../fail.ts';
import { method } from './arguments.ts';
import { getKey } from './dict.ts';
import { Dict, DictView, orElse, type Value } from './value.ts';

/** A method of a dict that does not change it. @returns undefined for a name that no dict has */
export function dictMethod(dict: Dict, name: string): Value | undefined {
  switch (name) {
    case 'get':
      return method('get', ['key', 'default?'], (_, args) => {
        return orElse(getKey(dict, args.or('key', null)), () => args.or('default', null));
      });
    case 'items':
    case 'keys':
    case 'values':
      return method(name, [], () => new DictView(name, dict));
    case 'copy':
      return method('copy', [], (run) => {
        run.spend(dict.entries.size);
        const copy = new Dict();
        for (const [key, entry] of dict.entries) copy.entries.set(key, entry);
        return copy;
      });
    case 'fromkeys':
      return unsupported('dict.fromkeys');
    default:
      return undefined;
  }
}
