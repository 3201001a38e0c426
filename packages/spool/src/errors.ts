/** The file is sealed to a reader or key that this process does not hold: a fault of the set-up, not of the file. */
export class SpoolKeyError extends Error {
  override readonly name = 'SpoolKeyError';
}

/** Content that was whole when it was read turned out not to be while it was opened again. */
export class SpoolCorruptError extends Error {
  override readonly name = 'SpoolCorruptError';
}
