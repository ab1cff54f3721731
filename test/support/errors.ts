// Matchers for the errors of wrong arguments.
import { expect } from 'vitest';

/** A TypeError. */
export const typeError = (message: RegExp | string, code = 'ERR_INVALID_ARG_TYPE'): unknown =>
  expect.objectContaining({ name: 'TypeError', code, message: expect.stringMatching(message) });
/** A TypeError about a value that is of the right type. */
export const wrongValue = (message: RegExp | string) => typeError(message, 'ERR_INVALID_ARG_VALUE');
/** A RangeError. */
export const rangeError = (message: RegExp | string): unknown =>
  expect.objectContaining({
    name: 'RangeError',
    code: 'ERR_INVALID_ARG_VALUE',
    message: expect.stringMatching(message),
  });
