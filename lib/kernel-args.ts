// Kernel arguments: a list in memory, and how one list becomes another.
import {
  type Names,
  checkArray,
  checkKnown,
  checkName,
  checkObject,
  checkString,
  typeError,
  valueError,
} from './check.js';
import { fromNative } from './errors.js';
import { native } from './native.js';
import { shown } from './show.js';

/** Changes to a list of kernel arguments, made in this order; each of one argument, or of several. */
export interface KernelArgsEdit {
  /** `key` where it has one value, else `key=value`. */
  delete?: string | readonly string[] | undefined;
  /** `key=value` instead of every earlier argument of that key, in the place of the first; appended when there is none. */
  replace?: string | readonly string[] | undefined;
  /** Added at the end, whatever is there. */
  append?: string | readonly string[] | undefined;
  /** Added at the end unless there is an argument of the same key. */
  appendIfMissing?: string | readonly string[] | undefined;
}

/** One argument. It becomes part of one line of a boot entry. */
export function checkKernelArg(value: unknown, name: string): asserts value is string {
  checkName(value, name);
  if (/[\n\r]/.test(value)) throw valueError(name, 'must not contain a line break');
  if (/\s/.test(value.replace(/"[^"]*"/g, '')))
    throw valueError(name, `must not contain white space outside double quotes. Received '${value}'`);
}

export function checkKernelArgs(value: unknown, name: string): asserts value is string[] {
  checkArray(value, name);
  for (const [i, arg] of value.entries()) checkKernelArg(arg, `${name}[${i}]`);
}

export const EDIT: Names<KernelArgsEdit> = {
  delete: true,
  replace: true,
  append: true,
  appendIfMissing: true,
};

/**
 * Of the arguments of a deployment.
 *
 * @param known - the {@link Names} of what may be in it
 */
export function checkKernelArgsEdit(
  value: unknown,
  name: string,
  known: object = EDIT,
): asserts value is KernelArgsEdit {
  checkObject(value, name);
  checkKnown(value, known, name);
  for (const key of ['delete', 'replace', 'append', 'appendIfMissing'] as const)
    if (typeof value[key] === 'string') checkKernelArg(value[key], `${name}.${key}`);
    else if (value[key] !== undefined) checkKernelArgs(value[key], `${name}.${key}`);
  for (const arg of listOf((value as KernelArgsEdit).delete))
    if (/^ostree(=|$)/.test(arg))
      throw valueError(`${name}.delete`, 'must not name ostree=, which libostree sets itself');
}

function listOf(args: string | readonly string[] = []): string[] {
  return typeof args === 'string' ? [args] : [...args];
}

/** An edit as the addon takes it. */
export function nativeEdit(edit: KernelArgsEdit): Required<Record<keyof KernelArgsEdit, string[]>> {
  return {
    delete: listOf(edit.delete),
    replace: listOf(edit.replace),
    append: listOf(edit.append),
    appendIfMissing: listOf(edit.appendIfMissing),
  };
}

/** A list of kernel arguments in memory. Wraps `OstreeKernelArgs`; methods that change it return it. */
export class KernelArgs implements Iterable<string> {
  #args: string[] = [];

  static {
    shown(this, (list) => (#args in list ? list.#args : undefined));
  }

  constructor(args: Iterable<string> = []) {
    // A string is an iterable, too: of letters.
    if (typeof args !== 'object' || args === null || !(Symbol.iterator in args))
      throw typeError('args', 'an iterable of strings; see KernelArgs.parse() for a command line', args);
    const list = [...args];
    checkKernelArgs(list, 'args');
    this.#edit({ append: list });
  }

  /** Reads a command line, such as `/proc/cmdline` has. Wraps `ostree_kernel_args_from_string()`. */
  static parse(text: string): KernelArgs {
    checkString(text, 'text');
    const line = text.trim();
    if (/[\n\r]/.test(line)) throw valueError('text', 'must be one line');
    const result = new KernelArgs();
    result.#args = native().kernelArgsParse(line);
    return result;
  }

  /** Adds arguments at the end, whatever is there. Wraps `ostree_kernel_args_append()`. */
  append(...args: string[]): this {
    checkKernelArgs(args, 'args');
    return this.#edit({ append: args });
  }

  /** Adds each at the end unless its key is there. Wraps `ostree_kernel_args_append_if_missing()`. */
  appendIfMissing(...args: string[]): this {
    checkKernelArgs(args, 'args');
    return this.#edit({ appendIfMissing: args });
  }

  /** Puts each in the place of all of its key; appends it when there is none. Wraps `ostree_kernel_args_replace()`. */
  replace(...args: string[]): this {
    checkKernelArgs(args, 'args');
    return this.#edit({ replace: args });
  }

  /**
   * Removes each: `key` where it has one value, else `key=value`. Wraps `ostree_kernel_args_delete()`.
   *
   * @throws {OstreeError} `NOT_FOUND` when there is none, `INVALID_ARGUMENT` when `key` has several values; nothing is removed then
   */
  delete(...args: string[]): this {
    checkKernelArgs(args, 'args');
    return this.#edit({ delete: args });
  }

  /** Whether there is an argument of this key. Wraps `ostree_kernel_args_contains()`. */
  contains(key: string): boolean {
    checkKernelArg(key, 'key');
    return native().kernelArgsLastValue(this.#args, key) !== undefined;
  }

  /** The value the kernel would take; null for a key without one, and for one that is not there. Wraps `ostree_kernel_args_get_last_value()`. */
  lastValue(key: string): string | null {
    checkKernelArg(key, 'key');
    return native().kernelArgsLastValue(this.#args, key) ?? null;
  }

  /** Wraps `ostree_kernel_args_to_strv()`. */
  toArray(): string[] {
    return [...this.#args];
  }

  /** The command line. Wraps `ostree_kernel_args_to_string()`. */
  toString(): string {
    return this.#args.join(' ');
  }

  toJSON(): string[] {
    return this.toArray();
  }

  [Symbol.iterator](): Iterator<string> {
    return this.toArray()[Symbol.iterator]();
  }

  #edit(edit: KernelArgsEdit): this {
    try {
      this.#args = native().kernelArgsApply(this.#args, nativeEdit(edit));
    } catch (error) {
      throw fromNative(error);
    }
    return this;
  }
}
