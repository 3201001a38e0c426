/** True of an error of the system with this code: `ENOENT`, `EEXIST`. */
export function isSystemError(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}

/** For `readFile(…).catch`: what stands for a file or folder that is not there; all else is thrown on. */
export function ifGone<T>(value: T): (error: unknown) => T {
  return (error) => {
    if (isSystemError(error, 'ENOENT')) return value;
    throw error;
  };
}
