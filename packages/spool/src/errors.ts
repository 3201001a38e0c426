/** The file is sealed to a reader or key that this process does not hold: a fault of the set-up, not of the file. */
export class SpoolKeyError extends Error {
  override readonly name = 'SpoolKeyError';
}

/** A state beside a file is damaged, or content that was whole when it was read is so no longer. */
export class SpoolCorruptError extends Error {
  override readonly name = 'SpoolCorruptError';
}
