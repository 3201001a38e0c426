/**
 * Ends an exhaustive `switch`: the compiler refuses the call while a case is missing.
 *
 * @throws Error if it is ever reached at run time.
 */
export function never(value: never): never {
  throw new Error(`unexpected value: ${JSON.stringify(value)}`);
}
