import { setImmediate as otherWork } from 'node:timers/promises';
import { constants, crc32, deflateRawSync } from 'node:zlib';

/** One file of an archive; its octets come in pieces, so that none has to be held whole. */
export interface ZipFile {
  readonly name: string;
  readonly pieces: () => Iterable<string>;
}

const MAX_BYTES = 0xffff_ffff;
const PIECE_CHARS = 64 * 1024;
/** As long as others wait at most: making a piece may take a while. */
const TURN_MS = 20;
/** Sizes follow the file (bit 3); names are UTF-8 (bit 11). */
const FLAGS = 0x0808;
const DEFLATE = 8;
const VERSION = 20;

interface Written {
  readonly name: Buffer;
  readonly offset: number;
  readonly checksum: number;
  readonly sizeBytes: number;
  readonly packedBytes: number;
}

/**
 * A ZIP archive (APPNOTE 6.3.10 without ZIP64) as it is made; other requests get their turn between.
 *
 * @throws RangeError over 4 GiB.
 */
export async function* zipOf(files: readonly ZipFile[], time: Date): AsyncGenerator<Buffer> {
  const stamp = stampOf(time);
  const written: Written[] = [];
  let offset = 0;
  for (const file of files) {
    const name = Buffer.from(file.name);
    const start = offset;
    const head = localHead(name, stamp);
    yield head;
    const found = { checksum: 0, sizeBytes: 0, packedBytes: 0 };
    for await (const packed of deflate(file.pieces(), found)) yield packed;
    yield descriptor(found);
    offset += head.length + found.packedBytes + DESCRIPTOR_BYTES;
    if (offset > MAX_BYTES || found.sizeBytes > MAX_BYTES) throw new RangeError('over 4 GiB');
    written.push({ name, offset: start, ...found });
  }
  const entries = written.map((one) => directoryEntry(one, stamp));
  const directory = Buffer.concat(entries);
  yield directory;
  yield endOf({ entries: entries.length, directoryBytes: directory.length, offset });
}

interface Found {
  checksum: number;
  sizeBytes: number;
  packedBytes: number;
}

/** A last block of RFC 1951 section 3.2.3 with nothing in it. */
const LAST_BLOCK = Buffer.from([0x03, 0x00]);

/** Compresses pieces as they come, each for itself, and counts them in `found`. */
async function* deflate(pieces: Iterable<string>, found: Found): AsyncGenerator<Buffer> {
  const pack = (text: string): Buffer => {
    const bytes = Buffer.from(text);
    found.checksum = crc32(bytes, found.checksum);
    found.sizeBytes += bytes.length;
    // It ends on a whole octet and is not the last block: the next one can follow.
    return deflateRawSync(bytes, { finishFlush: constants.Z_SYNC_FLUSH });
  };
  const passOn = (packed: Buffer): Buffer => {
    found.packedBytes += packed.length;
    return packed;
  };
  let waiting = '';
  let turnEnds = performance.now() + TURN_MS;
  for (const piece of pieces) {
    waiting += piece;
    if (waiting.length >= PIECE_CHARS) {
      yield passOn(pack(waiting));
      waiting = '';
    }
    if (performance.now() < turnEnds) continue;
    await otherWork();
    turnEnds = performance.now() + TURN_MS;
  }
  if (waiting !== '') yield passOn(pack(waiting));
  yield passOn(LAST_BLOCK);
}

/** MS-DOS time and date, in UTC. */
function stampOf(time: Date): number {
  const clock =
    (time.getUTCHours() << 11) | (time.getUTCMinutes() << 5) | (time.getUTCSeconds() >> 1);
  const years = Math.max(0, time.getUTCFullYear() - 1980);
  const date = (years << 9) | ((time.getUTCMonth() + 1) << 5) | time.getUTCDate();
  return ((date << 16) | clock) >>> 0;
}

const DESCRIPTOR_BYTES = 16;

function localHead(name: Buffer, stamp: number): Buffer {
  const head = Buffer.alloc(30);
  head.writeUInt32LE(0x0403_4b50, 0);
  head.writeUInt16LE(VERSION, 4);
  head.writeUInt16LE(FLAGS, 6);
  head.writeUInt16LE(DEFLATE, 8);
  head.writeUInt32LE(stamp, 10);
  head.writeUInt16LE(name.length, 26);
  return Buffer.concat([head, name]);
}

function descriptor({ checksum, packedBytes, sizeBytes }: Found): Buffer {
  const bytes = Buffer.alloc(DESCRIPTOR_BYTES);
  bytes.writeUInt32LE(0x0807_4b50, 0);
  bytes.writeUInt32LE(checksum, 4);
  bytes.writeUInt32LE(packedBytes, 8);
  bytes.writeUInt32LE(sizeBytes, 12);
  return bytes;
}

function directoryEntry(of: Written, stamp: number): Buffer {
  const entry = Buffer.alloc(46);
  entry.writeUInt32LE(0x0201_4b50, 0);
  entry.writeUInt16LE(VERSION, 4);
  entry.writeUInt16LE(VERSION, 6);
  entry.writeUInt16LE(FLAGS, 8);
  entry.writeUInt16LE(DEFLATE, 10);
  entry.writeUInt32LE(stamp, 12);
  entry.writeUInt32LE(of.checksum, 16);
  entry.writeUInt32LE(of.packedBytes, 20);
  entry.writeUInt32LE(of.sizeBytes, 24);
  entry.writeUInt16LE(of.name.length, 28);
  entry.writeUInt32LE(of.offset, 42);
  return Buffer.concat([entry, of.name]);
}

function endOf(of: {
  readonly entries: number;
  readonly directoryBytes: number;
  readonly offset: number;
}): Buffer {
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x0605_4b50, 0);
  end.writeUInt16LE(of.entries, 8);
  end.writeUInt16LE(of.entries, 10);
  end.writeUInt32LE(of.directoryBytes, 12);
  end.writeUInt32LE(of.offset, 16);
  return end;
}
