import {
  DerDepthError,
  DerError,
  MAX_DEPTH,
  MAX_HEADER_OCTETS,
  readTlvHeader,
  type TlvHeader,
} from '@sallyport/der';
import { asBuffer, type Content, isRanged, openRange, type RangedContent } from '@sallyport/mail';
import { LimitError } from './read-parts.ts';

/** A sender that cuts 100 MB in lines stays below. */
const MAX_PIECES = 2_000_000;
const OCTET_STRING = 4;
/** Smaller pieces are gathered, larger ones passed on as they are. */
const SMALL_PIECE_BYTES = 8 * 1024;

/** How the constructed OCTET STRING says that it ends. */
export interface PiecesExtent {
  /** Octets of its value; null for the indefinite form. */
  readonly length: number | null;
  /** Octets that its value can have at most. */
  readonly limit: number;
}

interface Frame {
  /** Where the element ends; null for the indefinite form. */
  readonly end: number | null;
  readonly limit: number;
}

/** A place in the value from which on it can be read again. */
export interface Place {
  /** Octets of the value before it. */
  readonly position: number;
  /** Octets of content before it. */
  readonly before: number;
  readonly frames: readonly Frame[];
  /** What of a piece is still to come. */
  readonly left: number;
}

/**
 * Takes the value of a constructed OCTET STRING (X.690 section 8.7) as it comes and gives the
 * content of its pieces, which may be constructed themselves. Holds no more than one header.
 */
export class OctetPieces {
  readonly #frames: Frame[];
  /** Of the next octet, from the first of the value. */
  #position = 0;
  /** What of the current piece is still to come. */
  #left = 0;
  #head: Buffer = Buffer.alloc(0);
  #count = 0;
  #sizeBytes = 0;

  /** From the first octet of the value, or from a place where it was before. */
  constructor(from: PiecesExtent | Place) {
    if ('position' in from) {
      this.#frames = [...from.frames];
      this.#position = from.position;
      this.#left = from.left;
      this.#sizeBytes = from.before + from.left;
      return;
    }
    this.#frames = [{ end: from.length, limit: from.limit }];
    this.#close();
  }

  /** Where it stands; null in the middle of a header. */
  get place(): Place | null {
    if (this.#head.length > 0) return null;
    const left = this.#left;
    const before = this.#sizeBytes - left;
    return { position: this.#position, before, frames: [...this.#frames], left };
  }

  /** True once the end of the value has been read. */
  get isDone(): boolean {
    return this.#frames.length === 0;
  }

  /** Octets of content so far, with what is still to come of the piece that was begun. */
  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /**
   * Takes as much of `bytes` as belongs to the value.
   *
   * @returns how many octets that was; fewer than given only when it is done.
   * @throws DerError if a piece is not an OCTET STRING or does not fit; LimitError for too many.
   */
  push(bytes: Buffer, emit: (slice: Buffer) => void = () => undefined): number {
    let at = 0;
    while (!this.isDone && at < bytes.length) {
      if (this.#left === 0) {
        at += this.#readHeader(bytes, at);
        continue;
      }
      const count = Math.min(this.#left, bytes.length - at);
      emit(bytes.subarray(at, at + count));
      at += count;
      this.#position += count;
      this.#left -= count;
      if (this.#left === 0) this.#close();
    }
    return at;
  }

  /** @returns how many of the octets it took. */
  #readHeader(bytes: Buffer, at: number): number {
    const before = this.#head.length;
    const source =
      before === 0
        ? bytes
        : Buffer.concat([this.#head, bytes.subarray(at, at + MAX_HEADER_OCTETS)]);
    const start = before === 0 ? at : 0;
    const header = readTlvHeader(source, start);
    if (header === null) {
      this.#head = Buffer.from(source.subarray(start));
      return this.#head.length - before;
    }
    this.#head = Buffer.alloc(0);
    this.#take(header);
    return header.header - before;
  }

  #take(header: TlvHeader): void {
    const frame = this.#frames.at(-1);
    if (frame === undefined) throw new DerError('unexpected element');
    this.#position += header.header;
    const end = this.#position + (header.length ?? 0);
    if (end > frame.limit) throw new DerError('ends inside a value');
    if (header.isEndOfContents) {
      if (frame.end !== null) throw new DerError('unexpected end-of-contents');
      this.#frames.pop();
      this.#close();
      return;
    }
    if (header.tagClass !== 'universal' || header.tag !== OCTET_STRING) {
      throw new DerError('piece is not an OCTET STRING');
    }
    this.#count += 1;
    if (this.#count > MAX_PIECES) throw new LimitError('the content comes in too many pieces');
    if (header.constructed) this.#open(header, frame);
    else this.#begin(header.length ?? 0);
  }

  #open(header: TlvHeader, frame: Frame): void {
    if (this.#frames.length >= MAX_DEPTH) throw new DerDepthError();
    const end = header.length === null ? null : this.#position + header.length;
    this.#frames.push({ end, limit: end ?? frame.limit });
    this.#close();
  }

  #begin(length: number): void {
    this.#left = length;
    this.#sizeBytes += length;
    if (length === 0) this.#close();
  }

  /** Ends every element of definite length that ends here. */
  #close(): void {
    for (let top = this.#frames.at(-1); top?.end === this.#position; top = this.#frames.at(-1)) {
      this.#frames.pop();
    }
  }
}

/** What a walk through the pieces found. */
export interface Walked {
  /** The value, whose pieces were found in order. */
  readonly region: Content;
  /** Its beginning first; then places along the way, so that a read in the middle costs little. */
  readonly places: readonly [Place, ...Place[]];
  readonly sizeBytes: number;
}

/** The content of a constructed OCTET STRING whose pieces were walked once. */
export function piecedString({ region, places, sizeBytes }: Walked): Content {
  const readFrom = (place: Place): Content => ({
    sizeBytes: sizeBytes - place.before,
    open: () => contentFrom(region, place),
  });
  const open = (): AsyncIterable<Uint8Array> => readFrom(places[0]).open();
  if (!isRanged(region)) return { sizeBytes, open };
  const ranged: RangedContent = {
    sizeBytes,
    open,
    openRange: (start, length) => {
      const place = places.findLast(({ before }) => before <= start) ?? places[0];
      return openRange(readFrom(place), start - place.before, length);
    },
  };
  return ranged;
}

async function* contentFrom(region: Content, place: Place): AsyncGenerator<Uint8Array> {
  const pieces = new OctetPieces(place);
  const { position } = place;
  for await (const chunk of openRange(region, position, region.sizeBytes - position)) {
    const slices: Buffer[] = [];
    pieces.push(asBuffer(chunk), (slice) => slices.push(slice));
    yield* gather(slices);
  }
}

function* gather(slices: readonly Buffer[]): Generator<Buffer> {
  let small: Buffer[] = [];
  for (const slice of slices) {
    const isLarge = slice.length >= SMALL_PIECE_BYTES;
    if (!isLarge) small.push(slice);
    if (isLarge && small.length > 0) {
      yield Buffer.concat(small);
      small = [];
    }
    if (isLarge) yield slice;
  }
  if (small.length > 0)
    yield small.length === 1 ? (small[0] ?? Buffer.alloc(0)) : Buffer.concat(small);
}
