import {
  DerDepthError,
  DerError,
  DerReader,
  MAX_HEADER_OCTETS,
  readTlvHeader,
  type TagClass,
  type TlvHeader,
} from '@sallyport/der';
import {
  asBuffer,
  type Content,
  isRanged,
  MemoryContent,
  openRange,
  PIECE_BYTES,
  sliceContent,
  TURN_BYTES,
} from '@sallyport/mail';
import { OctetPieces, type Place, piecedString } from './octet-pieces.ts';
import { LimitError } from './read-parts.ts';

/** Certificates, recipients or signers of one object together: they are read into memory. */
const MAX_PART_BYTES = 4 * 1024 * 1024;
const MAX_PART_ELEMENTS = 100_000;
const MAX_FRAMES = 16;
const OCTET_STRING = 4;
/** How far apart the places are at which a string in pieces can be entered. */
const PLACE_BYTES = 1024 * 1024;

interface Frame {
  /** Nothing inside may lie beyond. */
  readonly limit: number;
  readonly isIndefinite: boolean;
}

/**
 * Walks a BER object forward over content that need not fit into memory. Small parts are taken as
 * readers; of a long OCTET STRING only its place is noted.
 *
 * Every method throws DerError for what does not fit, and LimitError for a part that is too large.
 */
export class ElementCursor {
  readonly #content: Content;
  readonly #frames: Frame[] = [];
  /** Unread bytes; the first lies at `#offset`. */
  #window: Buffer = Buffer.alloc(0);
  #offset = 0;
  #chunks: AsyncIterator<Uint8Array> | null = null;

  constructor(content: Content) {
    this.#content = content;
    if (content instanceof MemoryContent) this.#window = content.bytes;
  }

  /** Ends the read of the content; to be called whatever came of it. */
  async close(): Promise<void> {
    const chunks = this.#chunks;
    this.#chunks = null;
    await chunks?.return?.();
  }

  /** The next element's header; null at the end of the element that was entered last. */
  async peek(): Promise<TlvHeader | null> {
    const frame = this.#frame();
    if (!frame.isIndefinite && this.#offset >= frame.limit) return null;
    await this.#fill(MAX_HEADER_OCTETS);
    const header = readTlvHeader(this.#window);
    if (header === null) throw new DerError('ends inside a header');
    const end = this.#offset + header.header + (header.length ?? 0);
    if (end > frame.limit) throw new DerError('ends inside a value');
    if (!header.isEndOfContents) return header;
    if (!frame.isIndefinite) throw new DerError('unexpected end-of-contents');
    return null;
  }

  /** Goes into the next element, which must be constructed and have this tag. */
  async enter(tagClass: TagClass, tag: number): Promise<void> {
    const header = await this.#expect(tagClass, tag);
    if (!header.constructed) throw new DerError('element is primitive');
    if (this.#frames.length >= MAX_FRAMES) throw new DerDepthError();
    const { limit } = this.#frame();
    this.#drop(header.header);
    this.#frames.push({
      limit: header.length === null ? limit : this.#offset + header.length,
      isIndefinite: header.length === null,
    });
  }

  /** Goes out of the element entered last; nothing of it may be left. */
  async leave(): Promise<void> {
    if ((await this.peek()) !== null) throw new DerError('unexpected element');
    if (this.#frames.pop()?.isIndefinite === true) this.#drop(2);
  }

  /** Checks that the content is read to its end. */
  end(): void {
    if (this.#offset !== this.#content.sizeBytes) throw new DerError('unexpected element');
  }

  /** A reader that stands before the next element, which is read into memory. */
  async part(what: string): Promise<DerReader> {
    const header = await this.peek();
    if (header === null) throw new DerError('element is missing');
    const length = await this.#partLength(header, what);
    const bytes = this.#window.subarray(0, length);
    this.#drop(length);
    return new DerReader(bytes);
  }

  /** The same if the next element has this tag, else null. */
  async optionalPart(tag: number, what: string): Promise<DerReader | null> {
    const header = await this.peek();
    const isThere = header?.tagClass === 'context' && header.tag === tag;
    return isThere ? await this.part(what) : null;
  }

  /** Passes over the next element. */
  async pass(): Promise<void> {
    const header = await this.peek();
    if (header === null) throw new DerError('element is missing');
    if (header.length === null) await this.part('content');
    else await this.#skip(header.header + header.length);
  }

  /** An OBJECT IDENTIFIER. */
  async oid(): Promise<string> {
    return (await this.part('OID')).oid();
  }

  /** The content of the next element: an OCTET STRING, in one piece or many, of any length. */
  async octetString(): Promise<Content> {
    return await this.#string('universal', OCTET_STRING);
  }

  /** The same under an IMPLICIT tag. */
  async implicitString(tag: number): Promise<Content> {
    return await this.#string('context', tag);
  }

  async #string(tagClass: TagClass, tag: number): Promise<Content> {
    const { header, length, constructed } = await this.#expect(tagClass, tag);
    this.#drop(header);
    const start = this.#offset;
    if (!constructed && length !== null) {
      await this.#skip(length);
      return sliceContent(this.#content, start, length);
    }
    const pieces = new OctetPieces({ length, limit: length ?? this.#frame().limit - start });
    const places = await this.#walk(pieces);
    const region = sliceContent(this.#content, start, this.#offset - start);
    return piecedString({ region, places, sizeBytes: pieces.sizeBytes });
  }

  /** Goes through the pieces of a string to its end. */
  async #walk(pieces: OctetPieces): Promise<[Place, ...Place[]]> {
    const first = pieces.place;
    if (first === null) throw new Error('a walk begins before a header');
    const places: [Place, ...Place[]] = [first];
    let next = PLACE_BYTES;
    while (!pieces.isDone) {
      if (!(await this.#fill(1))) throw new DerError('ends inside a value');
      this.#drop(pieces.push(this.#window.subarray(0, TURN_BYTES)));
      const place = pieces.place;
      if (place !== null && place.before >= next) {
        places.push(place);
        next = place.before + PLACE_BYTES;
      }
      // Bytes in memory come without waiting, and a piece may be as short as its header.
      if (this.#window.length > TURN_BYTES) await new Promise(setImmediate);
    }
    return places;
  }

  #frame(): Frame {
    return this.#frames.at(-1) ?? { limit: this.#content.sizeBytes, isIndefinite: false };
  }

  async #expect(tagClass: TagClass, tag: number): Promise<TlvHeader> {
    const header = await this.peek();
    if (header === null) throw new DerError('element is missing');
    if (header.tag !== tag || header.tagClass !== tagClass) {
      throw new DerError(`expected ${tagClass} ${tag}, found ${header.tagClass} ${header.tag}`);
    }
    return header;
  }

  /** Octets of the next element, all of them in the window then. */
  async #partLength(header: TlvHeader, what: string): Promise<number> {
    const length =
      header.length === null
        ? await this.#indefiniteLength(header.header)
        : header.header + header.length;
    if (length === null || length > MAX_PART_BYTES) {
      throw new LimitError(`the part with the ${what} is over ${MAX_PART_BYTES} bytes`);
    }
    if (!(await this.#fill(length))) throw new DerError('ends inside a value');
    return length;
  }

  /** Octets up to and with the end-of-contents of the element whose value begins there; null if too many. */
  async #indefiniteLength(start: number): Promise<number | null> {
    const most = this.#frame().limit - this.#offset;
    let depth = 1;
    let end = start;
    for (let count = 0; depth > 0; count += 1) {
      if (end > MAX_PART_BYTES || count > MAX_PART_ELEMENTS) return null;
      if (this.#window.length < end + MAX_HEADER_OCTETS) await this.#fill(end + MAX_HEADER_OCTETS);
      const inner = readTlvHeader(this.#window, end);
      if (inner === null) throw new DerError('ends inside a header');
      end += inner.header + (inner.length ?? 0);
      if (end > most) throw new DerError('ends inside a value');
      if (inner.isEndOfContents) depth -= 1;
      else if (inner.length === null) depth += 1;
    }
    return end;
  }

  /** True if so many bytes are in the window, false if the content ends before. */
  async #fill(count: number): Promise<boolean> {
    while (this.#window.length < count) {
      if (this.#content instanceof MemoryContent) return false;
      this.#chunks ??= this.#openHere();
      const next = await this.#chunks.next();
      if (next.done === true) return false;
      const chunk = asBuffer(next.value);
      this.#window = this.#window.length === 0 ? chunk : Buffer.concat([this.#window, chunk]);
    }
    return true;
  }

  #openHere(): AsyncIterator<Uint8Array> {
    const at = this.#offset + this.#window.length;
    const rest = openRange(this.#content, at, this.#content.sizeBytes - at);
    return rest[Symbol.asyncIterator]();
  }

  #drop(count: number): void {
    this.#window = this.#window.subarray(count);
    this.#offset += count;
  }

  async #skip(count: number): Promise<void> {
    const end = this.#offset + count;
    if (count > this.#window.length + 2 * PIECE_BYTES && isRanged(this.#content)) {
      await this.close();
      this.#window = Buffer.alloc(0);
      this.#offset = end;
      return;
    }
    while (this.#offset < end) {
      if (!(await this.#fill(1))) throw new DerError('ends inside a value');
      this.#drop(Math.min(this.#window.length, end - this.#offset));
    }
  }
}
