// What console.log() and JSON.stringify() show of objects whose state lies in private fields and in the addon.
import type { InspectOptions, InspectOptionsStylized } from 'node:util';

/** `inspect.custom` of node:util, by which other runtimes know it, too. */
const CUSTOM = Symbol.for('nodejs.util.inspect.custom');

type Inspect = (value: object, options: InspectOptions) => string;

/** Has the objects of a class shown as a text; undefined for what is none of them. */
export function printed<T extends object>(
  type: { readonly name: string; readonly prototype: T },
  textOf: (value: T) => string | undefined,
): void {
  function custom(this: T): string {
    return textOf(this) ?? `[${type.name}]`;
  }
  Object.defineProperty(type.prototype, CUSTOM, { value: custom, writable: true, configurable: true });
}

/**
 * Has the objects of a class shown as their name and parts; JSON has the parts alone, where
 * the class says nothing else.
 *
 * @param partsOf - undefined for what is none of them: a Proxy, or what has only the prototype, is shown, too
 */
export function shown<T extends object>(
  type: { readonly name: string; readonly prototype: T },
  partsOf: (value: T) => object | undefined,
): void {
  function custom(this: T, depth: number, options: InspectOptionsStylized, show: Inspect): string {
    const parts = partsOf(this);
    if (parts === undefined || depth < 0) return options.stylize(`[${type.name}]`, 'special');
    const deeper = options.depth == null ? null : options.depth - 1;
    return `${type.name} ${show(parts, { ...options, depth: deeper })}`;
  }
  function toJSON(this: T): unknown {
    return partsOf(this);
  }
  for (const [name, value] of [[CUSTOM, custom] as const, ['toJSON', toJSON] as const])
    if (!Object.hasOwn(type.prototype, name))
      Object.defineProperty(type.prototype, name, { value, writable: true, configurable: true });
}
