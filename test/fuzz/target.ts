import { bufferContent, type Content } from '@sallyport/mail';
import type { Seed } from './corpus.ts';
import type { Mutator } from './plan.ts';

/** One reader of strangers' bytes, and what must hold for it whatever it is given. */
export interface Target {
  readonly name: string;
  /** Its share of all inputs, in relation to the others. */
  readonly share: number;
  readonly seeds: readonly Seed[];
  readonly mutate: Mutator;
  /** Inputs are cut there; 512 KiB if absent. */
  readonly maxInputBytes?: number;
  /** No input may take longer; a second if absent. */
  readonly maxInputMs?: number;
  /**
   * @returns a word for what became of the input, to be counted.
   * @throws where a rule is broken. The readers themselves must throw nothing.
   */
  readonly check: (bytes: Buffer) => string | Promise<string>;
}

/** The same bytes as a stream brings them: in pieces of that size, held in one read only. */
export function chunkedContent(bytes: Buffer, chunkBytes: number): Content {
  if (chunkBytes < 1) return bufferContent(bytes);
  return {
    sizeBytes: bytes.length,
    open: async function* () {
      for (let at = 0; at < bytes.length; at += chunkBytes) {
        yield Buffer.from(bytes.subarray(at, at + chunkBytes));
      }
    },
  };
}
