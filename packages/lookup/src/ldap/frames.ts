import { elementLength, readAll } from '@sallyport/der';

/** A whole certificate answer: two attributes of 16 values of 64 KiB would be 2 MiB; none is. */
export const MAX_FRAME_BYTES = 1024 * 1024;
const MAX_SESSION_BYTES = 4 * 1024 * 1024;
const MAX_SESSION_FRAMES = 512;
const MAX_DEPTH = 8;
const LDAP_MESSAGE = 0x30;

/** Why a directory's bytes are not taken. */
export class LdapFrameError extends Error {}

/**
 * Cuts what a directory sends into whole LDAPMessages and lets only well-formed ones through.
 *
 * ldapts reads a buffer that it joins anew for each chunk, recurses for each message in it, and
 * loops without end when a value claims to be longer than its message: a stranger's directory
 * could stop the worker. So it only ever sees one message at a time whose lengths all agree.
 */
export class LdapFrames {
  #chunks: Buffer[] = [];
  #held = 0;
  #needed = 2;
  #total = 0;
  #frames = 0;

  /** True while part of a message waits for its rest. */
  get isMidMessage(): boolean {
    return this.#held > 0;
  }

  /**
   * @returns the messages that are whole now.
   * @throws LdapFrameError or DerError if the bytes are no LDAP or over the limits.
   */
  push(chunk: Buffer): Buffer[] {
    this.#chunks.push(chunk);
    this.#held += chunk.length;
    this.#total += chunk.length;
    if (this.#total > MAX_SESSION_BYTES) throw new LdapFrameError('too many bytes');
    const whole: Buffer[] = [];
    while (this.#held >= this.#needed) {
      const bytes = this.#chunks.length === 1 && this.#chunks[0] ? this.#chunks[0] : this.#join();
      const length = frameLength(bytes);
      if (length === null) {
        this.#needed = bytes.length + 1;
      } else if (bytes.length < length) {
        this.#needed = length;
      } else {
        whole.push(this.#cut(bytes, length));
      }
    }
    return whole;
  }

  #join(): Buffer {
    const joined = Buffer.concat(this.#chunks, this.#held);
    this.#chunks = [joined];
    return joined;
  }

  #cut(bytes: Buffer, length: number): Buffer {
    const frame = bytes.subarray(0, length);
    checkLengths(frame, 0);
    this.#frames += 1;
    if (this.#frames > MAX_SESSION_FRAMES) throw new LdapFrameError('too many messages');
    const rest = bytes.subarray(length);
    this.#chunks = rest.length > 0 ? [rest] : [];
    this.#held = rest.length;
    this.#needed = 2;
    return frame;
  }
}

/** The length of the LDAPMessage that starts here; null while its header is not whole. */
function frameLength(bytes: Buffer): number | null {
  if (bytes[0] !== LDAP_MESSAGE) throw new LdapFrameError('not an LDAP message');
  const length = elementLength(bytes);
  if (length !== null && length > MAX_FRAME_BYTES) throw new LdapFrameError('message too long');
  return length;
}

/** Every constructed value is exactly filled by its parts; RFC 4511 section 5.1: definite lengths. */
function checkLengths(bytes: Buffer, depth: number): void {
  if (depth > MAX_DEPTH) throw new LdapFrameError('too deep');
  for (const part of readAll(bytes)) {
    if (part.indefinite) throw new LdapFrameError('indefinite length');
    if (part.constructed) checkLengths(part.value, depth + 1);
  }
}
