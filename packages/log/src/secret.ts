import { inspect } from 'node:util';

/** Key bytes or a password. Printing, logging or serialising it shows `[secret]`. */
export class Secret {
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** The bytes themselves. Do not keep them longer than the call that needs them. */
  reveal(): Uint8Array {
    return this.#bytes;
  }

  toString(): string {
    return '[secret]';
  }

  toJSON(): string {
    return '[secret]';
  }

  [inspect.custom](): string {
    return '[secret]';
  }
}
